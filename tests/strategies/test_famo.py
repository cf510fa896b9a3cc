"""FAMO: its equation, and its course against TorchJD and torch's Adam."""

from functools import partial

import pytest
import torch
import torchjd.scalarization

from mtlray.errors import SpecError
from mtlray.strategies import FAMO
from mtlray.strategies.numerics.adam import adam_init, adam_step
from mtlray.tasks.task_losses import TaskLosses

SIZES = torch.tensor([5.0, 1.0, 0.2], dtype=torch.float64)
TARGETS = torch.tensor([[1.0, 0.0], [-1.0, 1.0], [0.0, -2.0]], dtype=torch.float64)


def losses_at(theta):
    return (SIZES * (theta - TARGETS).square().mean(dim=1)).unsqueeze(0)


def test_first_step_by_hand(follow):
    # z = 1/2, c = 1 / (1/4 + 1) = 0.8, weights 0.8 * (1/2) / L
    torch.testing.assert_close(follow(FAMO(), [[2.0, 0.5]]), torch.tensor([[0.2, 0.8]]).double())


@pytest.mark.parametrize("weight_decay", [1e-3, 0.5])
def test_course_agrees_with_torchjd(weight_decay, start):
    ours, theirs = (
        FAMO(lr=0.1, weight_decay=weight_decay),
        torchjd.scalarization.FAMO(3, None, 0.1, weight_decay).double(),
    )
    state = start(ours, 3)
    mine, yours = (torch.zeros(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    for _ in range(20):
        values = losses_at(mine)
        batch = TaskLosses(values, [mine], [[]] * 3, False, partial(losses_at, mine))
        mine.grad = yours.grad = None
        weights, state = ours.backward([batch], state)
        theirs(losses_at(yours)[0]).backward()
        torch.testing.assert_close(mine.grad, yours.grad)
        assert weights.sum().item() == pytest.approx(1)
        with torch.no_grad():
            mine -= 0.1 * mine.grad
            yours -= 0.1 * yours.grad
        state = ours.end_step([batch], state)
        theirs.update(losses_at(yours)[0])
        torch.testing.assert_close(state.buffers["logits"][0], theirs._w.detach())
    assert state.buffers["logits"].abs().max() > 0.01


def test_the_task_that_falls_least_gains(start):
    strategy = FAMO()
    batch = TaskLosses(torch.tensor([[1.0, 1.0]]).double(), [], [], False, lambda: torch.tensor([[0.5, 0.9]]).double())
    logits = strategy.end_step([batch], start(strategy)).buffers["logits"][0]
    torch.testing.assert_close(logits, torch.tensor([-0.025, 0.025]).double(), rtol=1e-5, atol=0)  # Adam's first step


def test_adam_agrees_with_torch():
    value = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    parameter = torch.nn.Parameter(value.clone())
    optimizer, buffers = torch.optim.Adam([parameter], lr=0.03, weight_decay=0.1), adam_init(value)
    for i in range(10):
        gradient = torch.tensor([[0.1 * i, (-1.0) ** i]], dtype=torch.float64)
        parameter.grad = gradient.clone()
        optimizer.step()
        value, buffers = adam_step(value, gradient, buffers, 0.03, 0.1)
        torch.testing.assert_close(value, parameter.detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": 0.0}, "Parameter `lr` should be positive. Found `lr = 0.0`."),
        ({"weight_decay": -1.0}, "Parameter `weight_decay` should not be negative. Found `weight_decay = -1.0`."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(arguments, message):
    with pytest.raises(SpecError) as caught:
        FAMO(**arguments)
    assert str(caught.value) == message
