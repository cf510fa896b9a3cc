"""Driving a strategy by hand: losses and gradients go in, the weights and the direction of each step come out."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mtlray.strategies.base import AbstractStrategy, State
from mtlray.tasks.losses import cross_entropy
from mtlray.tasks.metrics import Accuracy
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses


@dataclass(frozen=True, slots=True)
class Tried:
    """What a strategy did: the `weights` it gave to the tasks, and the `directions` it gave to the trunk."""

    weights: Float[Tensor, "step task"]
    directions: Float[Tensor, "step param"]


def try_out(
    strategy: AbstractStrategy,
    losses: Sequence[Sequence[float]],
    gradients: Sequence[Sequence[float]] | None = None,
    *,
    metrics: Sequence[float] | None = None,
    steps_per_epoch: int = 1,
    learning_rate: float = 0.1,
    seed: int = 0,
) -> Tried:
    """What a strategy does, one step for each row of `losses`, to tasks whose losses and gradients are given.

    `losses` is `[step, task]`; the optimizer does not change it. `gradients` `[task, param]` are the same at each step; by
    default each task pulls in a direction of its own. An epoch has `steps_per_epoch` batches. `metrics` are accuracies,
    for strategies that ask for them. What the strategy trains follows plain gradient descent with `learning_rate`.

    >>> from mtlray import Equal, try_out
    >>> try_out(Equal(), [(2, 1)], [(3, 0), (0, 1)]).directions
    tensor([[3., 1.]])
    """
    n_tasks = len(losses[0])
    rows = torch.eye(n_tasks).double() if gradients is None else torch.tensor(gradients, dtype=torch.float64)
    tasks = [
        Task(name=f"task{i}", likelihood="categorical", output_shape=(2,), loss=cross_entropy, metrics=(Accuracy(),))
        for i in range(n_tasks)
    ]
    begun = strategy.allocate(strategy.init(tasks, torch.tensor([seed])), rows.shape[1])
    state = State(
        {name: value.detach().double().requires_grad_() for name, value in begun.params.items()},
        {name: value.double() if value.is_floating_point() else value for name, value in begun.buffers.items()},
    )
    weights, directions = [], []
    values = torch.tensor(losses, dtype=torch.float64)
    for step, now in enumerate(values):
        after = values[min(step + 1, len(values) - 1)].unsqueeze(0)
        trunk = torch.zeros(rows.shape[1], dtype=torch.float64, requires_grad=True)
        batches = [_batch(trunk, rows, now, after, metrics) for _ in range(strategy.batches_per_step)]
        given, state = strategy.backward(batches, state)
        with torch.no_grad():
            for parameter in state.params.values():
                if parameter.grad is not None:
                    parameter -= learning_rate * parameter.grad
                    parameter.grad = None
        state = strategy.end_step(batches, state)
        if (step + 1) % steps_per_epoch == 0:
            epoch = values[step + 1 - steps_per_epoch : step + 1]
            state = strategy.end_epoch(epoch.mean(dim=0, keepdim=True), state)
        weights.append(given[0].detach())
        directions.append(torch.zeros_like(trunk) if trunk.grad is None else trunk.grad)
    return Tried(torch.stack(weights).float(), torch.stack(directions).float())


def _batch(trunk: Tensor, rows: Tensor, now: Tensor, after: Tensor, metrics: Sequence[float] | None) -> TaskLosses:
    """Losses that have these values and, with respect to the trunk, these gradients."""
    heads = [torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in rows]
    representation = trunk * 1.0
    made = (now + rows @ representation + torch.cat(heads)).unsqueeze(0)
    measured = None if metrics is None else torch.tensor([list(metrics)], dtype=torch.float64)
    return TaskLosses(
        made,
        [trunk],
        [[head] for head in heads],
        False,
        lambda: after,
        representation,
        None if measured is None else lambda: measured,
    )
