"""A strategy in a training loop of the user's own: the losses of a batch go in, gradients and the strategy's state come out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtlray.axes import Losses
from mtlray.errors import SpecError
from mtlray.strategies import AbstractStrategy, State
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses
from mtlray.training.contract import check_weights, initial_state


@dataclass(frozen=True, eq=False)
class TaskParameters:
    """What a loop trains: the parameters that all tasks share, and those of each task's head, in the order of the tasks.

    `heads` may be empty where a task has no parameters of its own. Parameters that are in neither stay as they are. Raises
    SpecError where there is no shared parameter.

    >>> import torch
    >>> from mtlray import TaskParameters
    >>> trunk, left, right = torch.nn.Linear(4, 8), torch.nn.Linear(8, 2), torch.nn.Linear(8, 3)
    >>> len(TaskParameters(trunk.parameters(), [left.parameters(), right.parameters()]).shared)
    2
    """

    shared: Sequence[Tensor]
    heads: Sequence[Sequence[Tensor]] = ()

    def __init__(self, shared: Iterable[Tensor], heads: Iterable[Iterable[Tensor]] = ()) -> None:
        object.__setattr__(self, "shared", tuple(shared))
        object.__setattr__(self, "heads", tuple(tuple(head) for head in heads))
        if not self.shared:
            raise SpecError(
                "Parameters should name those that all tasks share first, as in `TaskParameters(trunk.parameters(), "
                "[left.parameters(), right.parameters()])`. Found none; an iterator can be read once only."
            )

    def all(self) -> list[Tensor]:
        """The shared ones and then those of each head."""
        return [*self.shared, *(parameter for head in self.heads for parameter in head)]


@dataclass(frozen=True)
class BatchLosses:
    """The losses of one batch, with what a few strategies ask for besides.

    `losses` are one number a task; `representation` is the tensor that all heads read (for `MGDAUB`); `metrics` are a measure
    of success for each task from 0 to 1, such as the share of right answers (for `DTP`).
    """

    losses: Sequence[Tensor] | Tensor
    representation: Tensor | None = None
    metrics: Sequence[float] | Tensor | None = None


Computed = BatchLosses | Sequence[Tensor] | Tensor
Given = Computed | Callable[[], Computed]
"""The losses of a batch, or a function that computes them."""


@dataclass(frozen=True, eq=False)
class Weighing:
    """What is remembered between two steps of a loop of your own; `begin_weighing` makes it and `weigh` gives the next one.

    `state` is the strategy's. `weights` are those that the tasks' gradients got in the last step, `[task]`. `epoch_losses` are
    the sums of the losses of `n_batches` batches since the last epoch ended.
    """

    state: State
    epoch_losses: Losses
    n_batches: int = 0
    weights: Tensor = field(default_factory=lambda: torch.empty(0))

    def parameters(self) -> list[Tensor]:
        """What the strategy trains itself; give them to the optimizer, without weight decay."""
        return list(self.state.params.values())


def begin_weighing(
    strategy: AbstractStrategy, tasks: Sequence[Task], parameters: TaskParameters, *, seed: int = 0
) -> Weighing:
    """What is remembered before the first step; `seed` is for strategies that draw random numbers.

    Raises SpecError where the strategy cannot train these tasks, or the heads are not one for each task that it trains.
    """
    strategy.check(tasks)
    trained = strategy.trains(tasks)
    if parameters.heads and len(parameters.heads) != len(trained):
        raise SpecError(
            f"Parameters should have one head for each of the {len(trained)} tasks that {strategy.label} trains. Found "
            f"{len(parameters.heads)}."
        )
    first = parameters.shared[0]
    n_shared = sum(parameter.numel() for parameter in parameters.shared)
    state = initial_state(strategy, trained, [seed], first.device, first.dtype, n_shared)
    return Weighing(state, torch.zeros(1, len(trained), dtype=first.dtype, device=first.device))


def weigh(
    strategy: AbstractStrategy,
    losses: Given | Sequence[Callable[[], Computed]],
    parameters: TaskParameters,
    state: Weighing,
    step: Callable[[], object] | None = None,
) -> Weighing:
    """Fill `.grad` of all parameters as the strategy wants it, call `step`, and return what is remembered then.

    Old gradients are dropped first. `losses` are the tasks' losses on a batch, one number each, or a function that computes
    them, which `FAMO` calls once more after the step; a strategy that looks at several batches takes a list of functions.
    `step` is the optimizer's; without it, take the step yourself afterwards.

    Raises SpecError for another number of losses or batches, and for a strategy that needs a function or `step` and has none.
    """
    batches = _batches(losses, strategy)
    if step is None and type(strategy).end_step is not AbstractStrategy.end_step:
        raise SpecError(
            f"Strategy {strategy.label} looks at the losses after the optimizer's step. Give that to `weigh` as its last "
            "argument: `weigh(strategy, losses, parameters, state, optimizer.step)`."
        )
    n_tasks = state.epoch_losses.shape[1]
    made = [_task_losses(batch, parameters, n_tasks, strategy.label) for batch in batches]
    for parameter in (*parameters.all(), *state.parameters()):
        parameter.grad = None
    weights, after = strategy.backward(made, state.state)
    check_weights(strategy, weights, state.epoch_losses.shape)
    if step is not None:
        step()
    after = strategy.end_step(made, after)
    sums = state.epoch_losses
    for batch in made:
        sums = sums + batch.values.detach()
    return Weighing(after, sums, state.n_batches + len(made), weights.detach()[0])


def end_epoch(strategy: AbstractStrategy, state: Weighing) -> Weighing:
    """To be called after each pass over the training data. Raises SpecError where no batch was weighed since the last one."""
    if not state.n_batches:
        raise SpecError("An epoch should have at least one batch. Call `weigh` for each, then `end_epoch`.")
    after = strategy.end_epoch(state.epoch_losses / state.n_batches, state.state)
    return Weighing(after, torch.zeros_like(state.epoch_losses), 0, state.weights)


def _batches(losses: Given | Sequence[Callable[[], Computed]], strategy: AbstractStrategy) -> list[Given]:
    several = isinstance(losses, Sequence) and len(losses) > 0 and all(callable(entry) for entry in losses)
    batches: list[Given] = list(losses) if several else [losses]  # type: ignore[arg-type,list-item]
    if len(batches) != strategy.batches_per_step:
        raise SpecError(
            f"Strategy {strategy.label} looks at {strategy.batches_per_step} batches in a step. Found {len(batches)}. "
            "Give a list of that many functions, each of which computes the losses of another batch."
        )
    return batches


def _task_losses(given: Given, parameters: TaskParameters, n_tasks: int, label: str) -> TaskLosses:
    """The losses of one batch as a strategy looks at them."""
    batch = _computed(given)
    separate = [loss.reshape(1) for loss in _numbers(batch, n_tasks)]

    def again() -> Losses:
        if not callable(given):
            raise SpecError(
                f"Strategy {label} looks at a batch's losses again after the step. Give `weigh` a function that "
                "computes them, as in `weigh(strategy, lambda: losses_of(network(x), y), ...)`."
            )
        return torch.stack([loss.reshape(1) for loss in _numbers(_computed(given), n_tasks)], dim=1)

    measured = batch.metrics
    return TaskLosses(
        values=torch.stack(separate, dim=1),
        shared=parameters.shared,
        heads=parameters.heads or [[] for _ in range(n_tasks)],
        stacked=False,
        recompute=again,
        representation=batch.representation,
        measure=None if measured is None else lambda: torch.as_tensor(measured).reshape(1, n_tasks),
        separate=separate,
    )


def _computed(given: Given) -> BatchLosses:
    computed = given() if callable(given) else given
    return computed if isinstance(computed, BatchLosses) else BatchLosses(computed)


def _numbers(batch: BatchLosses, n_tasks: int) -> list[Tensor]:
    losses = list(batch.losses)
    if len(losses) != n_tasks or any(loss.numel() != 1 for loss in losses):
        found = [list(loss.shape) for loss in losses]
        raise SpecError(
            f"The losses of a batch should be one number for each of {n_tasks} tasks. Found {len(losses)}, of shapes {found}."
        )
    return losses
