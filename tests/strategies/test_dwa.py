"""Dynamic weight average, by hand from its equation and against TorchJD."""

import pytest
import torch
import torchjd.scalarization

from mtlray.errors import SpecError
from mtlray.strategies import DWA
from mtlray.testing import TASKS

TWO = TASKS[:2]


def state_after(strategy, *epochs):
    """The state after epochs with these mean losses."""
    state = strategy.init(TWO, torch.tensor([0]))
    for mean_losses in epochs:
        state = strategy.end_epoch(torch.tensor([mean_losses], dtype=torch.float64), state)
    return state


def weights_after(strategy, *epochs):
    losses = torch.ones(1, 2, dtype=torch.float64)
    return strategy.combine(losses, state_after(strategy, *epochs))[1]


def test_ratios_to_weights_by_hand():
    # 2 exp(0.25) / (exp(0.25) + exp(0.45)) and 2 exp(0.45) / (exp(0.25) + exp(0.45))
    weights = weights_after(DWA(), [2.0, 1.0], [1.0, 0.9])
    torch.testing.assert_close(weights, torch.tensor([[0.900332, 1.099668]]).double(), rtol=0, atol=1e-6)


def test_objective_is_the_weighted_sum():
    state = state_after(DWA(), [2.0, 1.0], [1.0, 0.9])
    objective, weights, _ = DWA().combine(torch.tensor([[3.0, 5.0]], dtype=torch.float64), state)
    assert objective.item() == pytest.approx(0.9003320 * 3 + 1.0996680 * 5, abs=1e-6)
    assert weights.sum().item() == pytest.approx(2)


@pytest.mark.parametrize("epochs", [[], [[2.0, 1.0]]], ids=["first epoch", "second epoch"])
def test_first_two_epochs_weigh_one(epochs):
    assert weights_after(DWA(), *epochs).tolist() == [[1.0, 1.0]]


def test_only_the_last_two_epochs_count():
    assert torch.equal(
        weights_after(DWA(), [9.0, 0.1], [2.0, 1.0], [1.0, 0.9]), weights_after(DWA(), [2.0, 1.0], [1.0, 0.9])
    )


def test_slower_decrease_weighs_more_and_temperature_evens_out():
    cool, warm = (weights_after(DWA(temperature=t), [1.0, 1.0], [0.5, 0.9]) for t in (0.5, 50.0))
    assert cool[0, 1] > cool[0, 0]
    assert (warm - 1).abs().max() < 0.01 < (cool - 1).abs().max()


def test_max_ratio_clips():
    clipped = weights_after(DWA(max_ratio=2.0), [1.0, 1e-6], [1.0, 1.0])
    assert torch.equal(clipped, weights_after(DWA(), [1.0, 1.0], [1.0, 2.0]))


def test_a_huge_ratio_does_not_overflow():
    weights = weights_after(DWA(), [1.0, 1e-8], [1.0, 1.0])  # exp(1e8 / 2) is not a float64
    torch.testing.assert_close(weights, torch.tensor([[0.0, 2.0]]).double())


def test_after_an_epoch_without_loss_max_ratio_bounds_the_ratio():
    bounded = DWA(max_ratio=3.0)
    rises = weights_after(bounded, [1.0, 0.0], [1.0, 0.5])
    assert torch.equal(rises, weights_after(DWA(), [1.0, 1.0], [1.0, 3.0]))
    stays = weights_after(bounded, [1.0, 0.0], [0.5, 0.0])
    assert torch.equal(stays, weights_after(DWA(), [1.0, 1.0], [0.5, 1.0]))


def test_max_ratio_hides_no_nan():
    assert weights_after(DWA(max_ratio=3.0), [1.0, 0.0], [1.0, float("nan")]).isnan().all()


@pytest.mark.parametrize("last", [0.0, 0.5])
def test_without_max_ratio_the_weights_after_an_epoch_without_loss_are_undefined(last):
    assert weights_after(DWA(), [1.0, 0.0], [1.0, last]).isnan().all()


def test_agrees_with_torchjd():
    ours, theirs = DWA(temperature=1.5), torchjd.scalarization.DWA(temperature=1.5)
    state = ours.init(TWO, torch.tensor([0]))
    rng = torch.Generator().manual_seed(0)
    for _ in range(5):
        total = torch.zeros(1, 2, dtype=torch.float64)
        for _ in range(3):
            losses = torch.rand(1, 2, generator=rng, dtype=torch.float64)
            objective, _, state = ours.combine(losses, state)
            assert objective.item() == pytest.approx(theirs(losses[0]).item(), abs=1e-12)
            total += losses
        state = ours.end_epoch(total / 3, state)
        theirs.step()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0.0}, "Parameter `temperature` should be positive. Found `temperature = 0.0`."),
        ({"max_ratio": -1.0}, "Parameter `max_ratio` should be positive or None. Found `max_ratio = -1.0`."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(arguments, message):
    with pytest.raises(SpecError) as caught:
        DWA(**arguments)
    assert str(caught.value) == message
