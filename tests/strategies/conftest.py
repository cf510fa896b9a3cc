"""Strategies driven by hand: losses go in, weights come out."""

import pytest
import torch

from mtlray.testing import TASKS
from mtlray.training import initial_state


@pytest.fixture
def start():
    """The state of a strategy before the first step, in float64, for one seed."""

    def begin(strategy, n_tasks=2, dtype=torch.float64):
        return initial_state(strategy, (TASKS * 2)[:n_tasks], [0], torch.device("cpu"), dtype)

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
