"""Strategies driven by hand: losses or gradients go in, weights and a direction come out."""

import pytest
import torch

from mtlray.tasks.task_losses import TaskLosses
from mtlray.testing import TASKS
from mtlray.training.contract import initial_state


@pytest.fixture
def start():
    """The state of a strategy before the first step, in float64, for one seed."""

    def begin(strategy, n_tasks=2, dtype=torch.float64, n_shared=0):
        return initial_state(strategy, (TASKS * 2)[:n_tasks], [0], torch.device("cpu"), dtype, n_shared)

    return begin


@pytest.fixture
def follow(start):
    """The weights `[batch, task]` of a strategy that is given epochs, each a list of batches, each a list of losses."""

    def run(strategy, *epochs):
        state, weights = start(strategy, len(epochs[0][0])), []
        for epoch in epochs:
            for batch in epoch:
                losses = torch.tensor([batch], dtype=torch.float64, requires_grad=True)
                objective, w, state = strategy.combine(losses, state)
                (gradient,) = torch.autograd.grad(objective.sum(), losses)
                torch.testing.assert_close(gradient, w.detach(), msg=lambda m: f"weights and gradient: {m}")
                weights.append(w.detach()[0])
            mean = torch.tensor([epoch], dtype=torch.float64).mean(dim=1)
            state = strategy.end_epoch(mean, state)
        return torch.stack(weights)

    return run


class Linear:
    """A trunk and one head a task, with losses that are linear in them, so that their gradients are what a test says."""

    def __init__(self, n_tasks, n_params):
        self.trunk = torch.zeros(n_params, dtype=torch.float64, requires_grad=True)
        self.heads = [torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(n_tasks)]

    def losses(self, gradients, values=None, of_heads=1.0, measure=None):
        """A mini-batch with these gradients `[task, param]`, losses (ones), and gradient of each head."""
        rows, heads = torch.tensor(gradients, dtype=torch.float64), torch.cat(self.heads)
        at_zero = torch.tensor(values or [1.0] * len(rows), dtype=torch.float64)
        made = (at_zero + rows @ self.trunk + of_heads * heads).unsqueeze(0)
        return TaskLosses(made, [self.trunk], [[h] for h in self.heads], False, lambda: made, measure=measure)

    @property
    def direction(self):
        return self.trunk.grad.tolist()

    @property
    def of_heads(self):
        return [head.grad.item() for head in self.heads]


@pytest.fixture
def linear():
    return Linear


@pytest.fixture
def drive(start):
    """The directions `[step, param]` and weights `[step, task]` of a strategy given the gradients of each step's batches."""

    def run(strategy, *steps, values=None):
        first = steps[0] if strategy.batches_per_step == 1 else steps[0][0]
        n_tasks, n_params = len(first), len(first[0])
        state, directions, weights = start(strategy, n_tasks, n_shared=n_params), [], []
        for step in steps:
            problem = Linear(n_tasks, n_params)
            batches = [step] if strategy.batches_per_step == 1 else step
            given, state = strategy.backward([problem.losses(rows, values) for rows in batches], state)
            directions.append(problem.direction)
            weights.append(given[0].tolist())
        return directions, weights

    return run


@pytest.fixture
def random_gradients():
    """Random gradients as nested lists, of unequal length: `[task, param]` for each step, or for three batches a step."""

    def make(n_steps, n_tasks=3, n_params=4, n_batches=None):
        shape = (n_steps, *([n_batches] if n_batches else []), n_tasks, n_params)
        rows = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return (rows * torch.tensor([[1.0], [0.3], [3.0]])[:n_tasks]).tolist()

    return make


@pytest.fixture
def aggregate(start):
    """The direction `[param]` and the weights `[task]` of a gradient-based strategy for gradients `[task, param]`.

    `losses` are one by default. With `steps` they are given again and again, and those of the last step are returned.
    """

    def run(strategy, gradients, losses=None, steps=1):
        jacobian = torch.as_tensor(gradients, dtype=torch.float64).unsqueeze(0)
        state = start(strategy, jacobian.shape[1])
        values = torch.ones(1, jacobian.shape[1]) if losses is None else torch.tensor([losses])
        for _ in range(steps):
            direction, weights, state = strategy.aggregate(jacobian, values.double(), state)
        return direction[0], weights[0]

    return run
