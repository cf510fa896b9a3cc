"""A strategy in a training loop of the user's own: the losses of a batch go in, gradients and the strategy's state come out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from mtlray.axes import Losses
from mtlray.checks import integer
from mtlray.errors import SpecError
from mtlray.specs.checks import require_object, require_strategy
from mtlray.strategies import AbstractStrategy, State
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses
from mtlray.training.absence import absent_stay, among_present, by_task, cut, join_gradients, joined
from mtlray.training.contract import check_weights, initial_state
from mtlray.training.steps import WholeStep
from mtlray.training.steps import end_epoch as close_epoch


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
        for group in (self.shared, *self.heads):
            for parameter in group:
                if not isinstance(parameter, Tensor) or not parameter.is_leaf:
                    raise SpecError(
                        "Parameters should be tensors that are trained, as `module.parameters()` gives them, and for the heads a "
                        f"list with those of each. Found {_shown(parameter)}."
                    )
        owners = [id(parameter) for group in (self.shared, *self.heads) for parameter in set(group)]
        if len(set(owners)) < len(owners):
            raise SpecError(
                "Each parameter should be shared or belong to one head. Found one in two places. Name what tasks share first."
            )
        if self.shared and not any(parameter.requires_grad for parameter in self.shared):
            raise SpecError("Shared parameters should be trained, at least one. Found none with `requires_grad`.")
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

    `losses` are one number a task, or None where the batch has no label of it; `representation` is the tensor that all heads
    read (for `MGDAUB`); `metrics` are a measure of success for each task from 0 to 1, such as the share of right answers (for
    `DTP`).
    """

    losses: Sequence[Any] | Tensor
    representation: Tensor | None = None
    metrics: Sequence[float] | Tensor | None = None


Computed = BatchLosses | Sequence[Any] | Tensor
Given = Computed | Callable[[], Computed]
"""The losses of a batch, or a function that computes them."""


@dataclass(frozen=True, eq=False)
class Weighing:
    """What is remembered between two steps of a loop of your own; `begin_weighing` makes it and `weigh` gives the next one.

    `state` is the strategy's. `weights` are those that the tasks' gradients got in the last step, `[task]`. `epoch_losses` are
    the sums of each task's losses since the last epoch ended, and `counts` the numbers of batches that had one, `[1, task]`.
    """

    state: State
    epoch_losses: Losses
    counts: Tensor
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
    require_strategy("strategy", strategy)
    for task in tasks:
        require_object("tasks", task, Task, 'regression("age")')
    seed = integer("seed", seed)
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
    zeros = torch.zeros(1, len(trained), dtype=first.dtype, device=first.device)
    return Weighing(state, zeros, zeros)


def weigh(
    strategy: AbstractStrategy,
    losses: Given | Sequence[Callable[[], Computed]],
    parameters: TaskParameters,
    state: Weighing,
    step: Callable[[], object] | None = None,
) -> Weighing:
    """Fill `.grad` of all parameters as the strategy wants it, call `step`, and return what is remembered then.

    Old gradients are dropped first. `losses` are the tasks' losses on a batch, one number each and None for a task that the
    batch has no label of, which then has no say in the step and rests; or a function that computes them, which `FAMO` calls
    once more after the step; a strategy that looks at several batches takes a list of functions.
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
    computed = [_computed(batch, n_tasks) for batch in batches]
    tasks = [t for t in range(n_tasks) if all(batch.losses[t] is not None for batch in computed)]
    pairs = zip(batches, computed, strict=True)
    made = [_task_losses(given, batch, parameters, tasks, strategy.label) for given, batch in pairs] if tasks else []
    for parameter in (*parameters.all(), *state.parameters()):
        parameter.grad = None
    weigh_some = _weigh_all if len(tasks) == n_tasks else _weigh_some
    weights, after = weigh_some(strategy, made, tasks, parameters, state, step)
    sums, there = state.epoch_losses, torch.zeros_like(state.epoch_losses)
    there[:, tasks] = 1
    for batch in made:
        sums = sums.index_add(1, torch.tensor(tasks, device=sums.device), batch.values.detach().to(sums.dtype))
    counts = state.counts + len(batches) * there
    return Weighing(after, sums, counts, weights.detach()[0])


def _weigh_all(
    strategy: AbstractStrategy,
    made: Sequence[TaskLosses],
    tasks: Sequence[int],
    parameters: TaskParameters,
    state: Weighing,
    step: Callable[[], object] | None,
) -> tuple[Tensor, State]:
    """The weights and the next state where all tasks take part."""
    del tasks, parameters
    whole = WholeStep(strategy, made)
    weights, after = whole.backward(state.state)
    if step is not None:
        step()
    return weights, whole.end(after)


def _weigh_some(
    strategy: AbstractStrategy,
    made: Sequence[TaskLosses],
    tasks: Sequence[int],
    parameters: TaskParameters,
    state: Weighing,
    step: Callable[[], object] | None,
) -> tuple[Tensor, State]:
    """The same where some tasks are absent: the step of the strategy on the others, and of the absent ones all stays."""
    weights = torch.zeros_like(state.epoch_losses)
    n_tasks, whole = weights.shape[1], _by_task(strategy, state.state, weights.shape[1])
    parts = [cut(strategy, whole, 0, tasks, n_tasks)] if tasks else []
    after = []
    for part in parts:
        found, changed = strategy.backward(made, part.state)
        check_weights(strategy, found, made[0].values.shape)
        weights[:, tasks] = found.to(weights.dtype)
        after.append(part.become(changed))
    for parameter in parameters.all():
        if parameter.grad is None and parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)
    join_gradients(strategy, whole, parts, n_tasks)
    whole = joined(strategy, whole, after, n_tasks)
    absent = torch.ones_like(weights, dtype=torch.bool)
    absent[:, tasks] = False
    optimizer = getattr(step, "__self__", None)
    with absent_stay(strategy, optimizer if isinstance(optimizer, torch.optim.Optimizer) else None, whole, absent):
        if step is not None:
            step()
    ended = among_present(strategy, whole, [tasks], n_tasks, lambda part: strategy.end_step(made, part.state))
    return weights, ended


def _shown(found: object) -> str:
    return "a part of a tensor" if isinstance(found, Tensor) else f"{found!r}"[:80]


def _by_task(strategy: AbstractStrategy, state: State, n_tasks: int) -> State:
    """The state with counters of each task, which it has from the first step on at which a task is absent."""
    counters = [state.buffers[name] for name in strategy.by_task.counters if name in state.buffers]
    return state if all(counter.shape[1] == n_tasks for counter in counters) else by_task(strategy, state, n_tasks)


def end_epoch(strategy: AbstractStrategy, state: Weighing) -> Weighing:
    """To be called after each pass over the training data; a task that was absent in all batches has no say.

    Raises SpecError where no batch was weighed since the last one.
    """
    present = state.counts > 0
    if not present.any():
        raise SpecError("An epoch should have at least one batch. Call `weigh` for each, then `end_epoch`.")
    mean = state.epoch_losses / state.counts.clamp(min=1)
    after = close_epoch(strategy, mean, None if present.all() else present, state.state)
    zeros = torch.zeros_like(state.epoch_losses)
    return Weighing(after, zeros, zeros, state.weights)


def _batches(losses: Given | Sequence[Callable[[], Computed]], strategy: AbstractStrategy) -> list[Given]:
    several = isinstance(losses, Sequence) and len(losses) > 0 and all(callable(entry) for entry in losses)
    batches: list[Given] = list(losses) if several else [losses]  # type: ignore[arg-type]
    if len(batches) != strategy.batches_per_step:
        raise SpecError(
            f"Strategy {strategy.label} looks at {strategy.batches_per_step} batches in a step. Found {len(batches)}. "
            "Give a list of that many functions, each of which computes the losses of another batch."
        )
    return batches


def _task_losses(
    given: Given, batch: BatchLosses, parameters: TaskParameters, tasks: Sequence[int], label: str
) -> TaskLosses:
    """The losses of some tasks on one batch as a strategy looks at them."""
    n_tasks = len(batch.losses)
    separate = [batch.losses[t].reshape(1) for t in tasks]

    def again() -> Losses:
        if not callable(given):
            raise SpecError(
                f"Strategy {label} looks at a batch's losses again after the step. Give `weigh` a function that "
                "computes them, as in `weigh(strategy, lambda: losses_of(network(x), y), ...)`."
            )
        found = _computed(given, n_tasks).losses
        return torch.stack([found[t].reshape(1) for t in tasks], dim=1)

    measured = batch.metrics
    trained = [[parameter for parameter in head if parameter.requires_grad] for head in parameters.heads]
    return TaskLosses(
        values=torch.stack(separate, dim=1),
        shared=[parameter for parameter in parameters.shared if parameter.requires_grad],
        heads=[trained[t] for t in tasks] if trained else [[] for _ in tasks],
        stacked=False,
        recompute=again,
        representation=batch.representation,
        measure=None if measured is None else lambda: torch.as_tensor(measured).reshape(1, n_tasks)[:, list(tasks)],
        separate=separate,
    )


def _computed(given: Given, n_tasks: int) -> BatchLosses:
    """The losses of a batch. Raises SpecError unless they are a tensor of one number for each task, or None of an absent one."""
    computed = given() if callable(given) else given
    batch = computed if isinstance(computed, BatchLosses) else BatchLosses(computed)
    losses = list(batch.losses) if isinstance(batch.losses, (Sequence, Tensor)) else [batch.losses]
    fits = [loss is None or (isinstance(loss, Tensor) and loss.numel() == 1) for loss in losses]
    if len(losses) != n_tasks or not all(fits):
        found = [list(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__ for loss in losses]
        raise SpecError(
            "The losses of a batch should be tensors, or None where it has no label of a task, one number for each of "
            f"{n_tasks} tasks. Found {len(losses)}, of shapes {found}."
        )
    return replace(batch, losses=losses)
