"""Smooth Tchebycheff scalarization, plain and as run for multi-task learning."""

import pytest
import torch
import torchjd.scalarization

from mtlray.errors import SpecError
from mtlray.strategies import STCH, STCHMultiTask
from mtlray.testing import TASKS


def test_by_hand(start, follow):
    # mu log(exp(0.5 * 2 / 0.5) + exp(0)) and weights 0.5 * softmax(2, 0)
    strategy = STCH(mu=0.5)
    objective, _, _ = strategy.combine(torch.tensor([[2.0, 0.0]]).double(), start(strategy))
    torch.testing.assert_close(objective, 0.5 * (torch.tensor([2.0]).double().exp() + 1).log())
    torch.testing.assert_close(follow(strategy, [[2.0, 0.0]])[0], 0.5 * torch.tensor([2.0, 0.0]).double().softmax(0))


@pytest.mark.parametrize("given", [False, True], ids=["defaults", "preferences"])
@pytest.mark.parametrize("mu", [0.01, 1.0])
def test_agrees_with_torchjd(given, mu, start, follow):
    weights, reference = ((0.2, 0.5, 0.3), (0.1, 0.0, 0.4)) if given else (None, None)
    ours = STCH(mu=mu, weights=weights, reference=reference)
    tensors = [torch.tensor(t).double() for t in (weights, reference)] if given else [None, None]
    theirs = torchjd.scalarization.STCH(mu, *tensors)
    losses = torch.rand(3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    objective = theirs(losses)
    objective.backward()
    torch.testing.assert_close(ours.combine(losses.detach()[None], start(ours, 3))[0], objective.detach()[None])
    torch.testing.assert_close(follow(ours, [losses.tolist()])[0], losses.grad)


def test_small_mu_is_the_largest_loss(follow):
    assert follow(STCH(mu=1e-6), [[3.0, 2.0]]).tolist() == [[0.5, 0.0]]


def test_multi_task_form_after_the_warm_up(start, follow):
    # Nadir (2, 0.5). At mu = 1 the softmax of log(L / n) is L / n over its sum, so w = K (1 / n) / sum(L / n).
    strategy = STCHMultiTask(warmup_epochs=1, epsilon=0.0)
    epochs = [[4.0, 1.0]], [[3.0, 0.25], [1.0, 0.75]], [[1.0, 0.5]]
    weights = follow(strategy, *epochs)
    torch.testing.assert_close(weights[:3], torch.tensor([[1 / 4, 1], [1 / 3, 4], [1, 4 / 3]]).double())
    torch.testing.assert_close(weights[3], torch.tensor([2 * 0.5 / 1.5, 2 * 2 / 1.5]).double())
    state = start(strategy)
    for mean in ([4.0, 1.0], [2.0, 0.5]):
        state = strategy.end_epoch(torch.tensor([mean]).double(), state)
    objective, _, _ = strategy.combine(torch.tensor([[1.0, 0.5]]).double(), state)
    torch.testing.assert_close(objective, 2 * torch.tensor([1.5]).double().log())


def test_multi_task_form_keeps_its_nadir(follow):
    epochs = [[2.0, 1.0]], [[1.0, 1.0]], [[1.0, 1.0]], [[1.0, 1.0]]
    weights = follow(STCHMultiTask(warmup_epochs=0), *epochs)
    assert torch.equal(weights[1], weights[3])


def test_multi_task_form_favours_the_task_that_improved_least(follow):
    weights = follow(STCHMultiTask(mu=0.01, warmup_epochs=0), [[2.0, 1.0]], [[0.2, 0.9]])
    torch.testing.assert_close(weights[1], torch.tensor([0.0, 2 / 0.9]).double())


def test_check_counts_preferences_and_ideal_values():
    STCH(weights=(0.5, 0.3, 0.2)).check(TASKS)
    for name in ("weights", "reference"):
        with pytest.raises(SpecError, match=f"Parameter `{name}` should have one number for each of the 3 tasks"):
            STCH(**{name: (0.5, 0.5)}).check(TASKS)


@pytest.mark.parametrize(
    ("strategy", "arguments", "message"),
    [
        (STCH, {"mu": 0.0}, "Parameter `mu` should be positive. Found `mu = 0.0`."),
        (STCH, {"weights": (1.0, 0.0)}, "Parameter `weights` should hold positive numbers or be None."),
        (STCHMultiTask, {"mu": -1.0}, "Parameter `mu` should be positive. Found `mu = -1.0`."),
        (STCHMultiTask, {"warmup_epochs": -1}, "Parameter `warmup_epochs` should not be negative."),
        (STCHMultiTask, {"epsilon": -1.0}, "Parameter `epsilon` should not be negative."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(strategy, arguments, message):
    with pytest.raises(SpecError) as caught:
        strategy(**arguments)
    assert str(caught.value).startswith(message)
