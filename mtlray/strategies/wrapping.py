"""What goes around another strategy: its state beside the inner one's, and the weights that the inner one gave."""

import abc
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from mtlray.axes import Counts, Jacobian, Losses, PerSeed, RepresentationJacobian, Seeds, Weights
from mtlray.errors import SpecError
from mtlray.strategies.base import AbstractGradientBased, AbstractStrategy, AbstractWeighting, ByTask, State
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses
from mtlray.words.values import shortest


@dataclass(frozen=True)
class AbstractWrapper(AbstractStrategy):
    """A strategy that goes around another, `strategy`, and has its kind, its cost and its needs.

    Its label is `key(label of the inner one)`. A subclass keeps its own buffers apart from those of the inner strategy with
    `_split` and `_joined`, so that wrappers can go around wrappers.
    """

    strategy: AbstractStrategy

    own_by_task: ClassVar[ByTask] = ByTask()
    """How its own buffers go by tasks."""
    own_on_cpu: ClassVar[tuple[str, ...]] = ()
    """Those of its own buffers that stay on the CPU."""

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, AbstractStrategy):
            raise SpecError(
                f"Parameter `strategy` of {type(self).__name__} should be a strategy, such as CAGrad(). Found "
                f"`strategy = {self.strategy!r}`."
            )
        inner = self.strategy
        for name in ("kind", "backward_passes", "extra_memory", "batches_per_step", "needs_representation"):
            object.__setattr__(self, name, getattr(inner, name))
        own, start = self.own_by_task, self._prefix
        by_task = ByTask(
            axes={**inner.by_task.axes, **{f"{start}{name}": axes for name, axes in own.axes.items()}},
            counters=(*inner.by_task.counters, *(f"{start}{name}" for name in own.counters)),
            in_step=inner.by_task.in_step or own.in_step,
            shares={**inner.by_task.shares, **{f"{start}{name}": kind for name, kind in own.shares.items()}},
        )
        object.__setattr__(self, "by_task", by_task)
        object.__setattr__(self, "on_cpu", (*inner.on_cpu, *(f"{start}{name}" for name in self.own_on_cpu)))

    @property
    def label(self) -> str:
        own = [f for f in dataclasses.fields(self) if f.name != "strategy"]
        changed = [f"{f.name}={shortest(getattr(self, f.name))}" for f in own if getattr(self, f.name) != f.default]
        return f"{self.key}({','.join([self.strategy.label, *changed])})"

    def trains(self, tasks: Sequence[Task]) -> tuple[Task, ...]:
        return self.strategy.trains(tasks)

    def check(self, tasks: Sequence[Task]) -> None:
        """Raises SpecError where the inner strategy does."""
        self.strategy.check(tasks)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return self._joined(self.strategy.init(tasks, seeds), self._own(tasks, seeds))

    def allocate(self, state: State, n_shared: int) -> State:
        inner, own = self._split(state)
        return self._joined(self.strategy.allocate(inner, n_shared), own)

    @abc.abstractmethod
    def _own(self, tasks: Sequence[Task], seeds: Seeds) -> dict[str, Tensor]:
        """The wrapper's buffers before the first step."""

    def end_step(self, losses: Sequence[TaskLosses], state: State) -> State:
        inner, own = self._split(state)
        return self._joined(self.strategy.end_step(losses, inner), own)

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        inner, own = self._split(state)
        return self._joined(self.strategy.end_epoch(mean_losses, inner), own)

    def scalars(self, state: State) -> dict[str, PerSeed]:
        return self.strategy.scalars(self._split(state)[0])

    def solver_fallbacks(self, state: State) -> Counts | None:
        return self.strategy.solver_fallbacks(self._split(state)[0])

    def _split(self, state: State) -> tuple[State, dict[str, Tensor]]:
        """The inner strategy's state, and the buffers of this one by their names in `_own`."""
        start = self._prefix
        own = {name.removeprefix(start): value for name, value in state.buffers.items() if name.startswith(start)}
        inner = {name: value for name, value in state.buffers.items() if not name.startswith(start)}
        return State(state.params, inner), own

    def _joined(self, inner: State, own: dict[str, Tensor]) -> State:
        named = {f"{self._prefix}{name}": value for name, value in own.items()}
        return State(inner.params, {**inner.buffers, **named})

    @property
    def _prefix(self) -> str:
        depth, inner = 1, self.strategy
        while isinstance(inner, AbstractWrapper):
            depth, inner = depth + 1, inner.strategy
        return f"around{depth}:"


@dataclass(frozen=True)
class AbstractWeightsWrapper(AbstractWrapper):
    """A wrapper that changes the weights of a strategy, whose update is to be a weighted sum of the tasks' gradients."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self._goes_around(self.strategy):
            raise SpecError(
                f"Parameter `strategy` of {type(self).__name__} should be a strategy whose update is a sum of the tasks' "
                f"gradients by weights that it returns. Found `{self.strategy.label}`. Choose one that has such weights, for "
                "instance CAGrad(), or leave the wrapper out. LogLosses goes around all other wrappers."
            )

    def _goes_around(self, inner: AbstractStrategy) -> bool:
        return isinstance(inner, AbstractWeighting) or (isinstance(inner, AbstractGradientBased) and inner.has_weights)


@dataclass(frozen=True, slots=True)
class KeptLosses(TaskLosses):
    """Losses that keep the gradients which a strategy asks for, and with what it weighs the heads, for who wraps it."""

    gradients: list[Jacobian] = field(default_factory=list, repr=False)
    at_representation: list[RepresentationJacobian] = field(default_factory=list, repr=False)
    of_heads: list[Weights] = field(default_factory=list, repr=False)

    def jacobian(self) -> Jacobian:
        found = TaskLosses.jacobian(self)
        self.gradients[:] = [found]
        return found

    def representation_jacobian(self) -> RepresentationJacobian:
        found = TaskLosses.representation_jacobian(self)
        self.at_representation[:] = [found]
        return found

    def pull_back(self, gradient: Tensor, *, again: bool = False) -> Tensor:
        del again  # the wrapper's own direction comes after this one
        return TaskLosses.pull_back(self, gradient, again=True)

    def weigh_heads(self, weights: Weights) -> None:
        self.of_heads.append(weights)

    def weighted(self, weights: Weights) -> Tensor:
        """The sum of the tasks' gradients in the trunk with these weights."""
        rows = self.gradients[0] if self.gradients else self.at_representation[0]
        direction = (weights.to(rows).unsqueeze(1) @ rows).squeeze(1)
        return direction if self.gradients else TaskLosses.pull_back(self, direction)

    def replace_weights(self, before: Weights, after: Weights) -> None:
        """Write the direction of other weights than the strategy gave, for the trunk and for heads that follow them."""
        self.write(self.weighted(after))
        for factor in self.of_heads:
            TaskLosses.weigh_heads(self, after if factor is before else factor)


def keeping(batch: TaskLosses) -> KeptLosses:
    """The same losses, which keep what is asked of them."""
    return KeptLosses(**{f.name: getattr(batch, f.name) for f in dataclasses.fields(TaskLosses)})
