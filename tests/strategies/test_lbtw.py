"""Loss-balanced task weighting, by hand from its equation."""

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import LBTW

EPOCHS = ([[4.0, 1.0], [1.0, 1.0]], [[1.0, 4.0], [1.0, 1.0]])


def test_by_hand_with_a_start_in_each_epoch(follow):
    # Ratios of the second batches: 1/4 and 1, then 1 and 1/4; the square roots scaled to sum to two.
    weights = follow(LBTW(), *EPOCHS)
    torch.testing.assert_close(weights, torch.tensor([[1, 1], [2 / 3, 4 / 3], [1, 1], [4 / 3, 2 / 3]]).double())


def test_by_hand_with_one_start(follow):
    # Ratios of the third batch: 1/4 and 4; of the fourth: 1/4 and 1.
    weights = follow(LBTW(alpha=1.0, renorm=False, reset="trial"), *EPOCHS)
    torch.testing.assert_close(weights, torch.tensor([[1, 1], [0.25, 1], [0.25, 4], [0.25, 1]]).double())


def test_alpha_zero_is_equal_weighting(follow):
    assert follow(LBTW(alpha=0.0), *EPOCHS).tolist() == [[1.0, 1.0]] * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": -0.5}, "Parameter `alpha` should not be negative. Found `alpha = -0.5`."),
        ({"reset": "trail"}, "There is no reset `trail`. Did you mean `trial`? Valid names: epoch, trial."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(arguments, message):
    with pytest.raises(SpecError) as caught:
        LBTW(**arguments)
    assert str(caught.value) == message
