"""Adaptive weight assignment, by hand from the equations of the reconstruction."""

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import AdaptiveWeight


def test_ratio_is_the_share_of_the_loss(follow):
    weights = follow(AdaptiveWeight(), [[3.0, 1.0], [1.0, 1.0]])
    torch.testing.assert_close(weights, torch.tensor([[1.5, 0.5], [1.0, 1.0]]).double())


def test_softmax_of_the_losses(follow):
    weights = follow(AdaptiveWeight(form="softmax", temperature=2.0), [[3.0, 1.0, 1.0]])
    e = torch.e
    torch.testing.assert_close(weights, 3 * torch.tensor([[e, 1.0, 1.0]]).double() / (e + 2))


@pytest.mark.parametrize("form", ["ratio", "softmax"])
def test_epoch_cadence_uses_the_mean_of_the_epoch_before(form, follow):
    slow = follow(AdaptiveWeight(form=form, cadence="epoch"), [[4.0, 1.0], [2.0, 1.0]], [[7.0, 9.0], [1.0, 2.0]])
    (expected,) = follow(AdaptiveWeight(form=form), [[3.0, 1.0]])
    torch.testing.assert_close(slow, torch.stack([torch.ones(2).double()] * 2 + [expected] * 2))


def test_large_losses_do_not_overflow(follow):
    assert follow(AdaptiveWeight(form="softmax"), [[1e6, 1.0]]).tolist() == [[2.0, 0.0]]


def test_no_loss_at_all_gives_equal_weights(follow):
    assert follow(AdaptiveWeight(), [[0.0, 0.0]]).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "rato"}, "There is no form of adaptive weight assignment `rato`. Did you mean `ratio`? "),
        ({"cadence": "step"}, "There is no cadence `step`."),
        (
            {"form": "softmax", "temperature": 0.0},
            "Parameter `temperature` should be positive. Found `temperature = 0.0`.",
        ),
        (
            {"temperature": 2.0},
            'Parameter `temperature` should be 1 with `form = "ratio"`, which has none. Found `temperature = 2.0`.',
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(arguments, message):
    with pytest.raises(SpecError) as caught:
        AdaptiveWeight(**arguments)
    assert str(caught.value).startswith(message)
