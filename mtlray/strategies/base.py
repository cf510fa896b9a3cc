"""What a loss weighting strategy is: a frozen dataclass of hyperparameters, and explicit state made of tensors only."""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mtlray.axes import Counts, Direction, Jacobian, Losses, PerSeed, Seeds, Weights
from mtlray.checks import require_choice
from mtlray.errors import SpecError
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses
from mtlray.words.values import shortest

Faithfulness = Literal["faithful", "reading", "reconstruction"]
"""`faithful`: the source's equation. `reading`: the source leaves open, or its paper and code differ in, something that changes
numbers, and one reading was chosen. `reconstruction`: the equation could not be had, and the results are not the source's."""


@dataclass(slots=True)
class State:
    """All that evolves during a trial, tensors only, each with a leading `seed` axis.

    `params` are trained by the trial's optimizer in a group of their own (own learning rate, no weight decay); `buffers` are
    not trained. What is not in here does not survive a checkpoint, so a strategy keeps nothing elsewhere.
    """

    params: dict[str, Tensor] = field(default_factory=dict)
    buffers: dict[str, Tensor] = field(default_factory=dict)

    def with_buffers(self, **buffers: Tensor) -> "State":
        """The same state with some buffers replaced."""
        return State(self.params, {**self.buffers, **buffers})


@dataclass(frozen=True, kw_only=True, slots=True)
class ByTask:
    """How a strategy's state goes by tasks: read where a batch has no label of some task, which then stays as it is.

    A buffer or parameter with as many entries on axis 1 as there are tasks has one for each of them; `axes` names the axes of
    those that are laid out otherwise, neighbouring ones where there are several. `counters` are buffers `[seed, 1]` that count
    steps or epochs; where labels are missing they become `[seed, task]`, and the strategy should take either. `shares` are
    buffers `[seed, task]` with a fixed sum: "one", "n_tasks", or "log" for logarithms of shares whose sum is one. What the tasks
    at hand had together, they share among themselves. `in_step` says that it takes all seeds of a pack to have taken as many
    steps; where labels are missing they then go one by one.
    """

    axes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    counters: tuple[str, ...] = ()
    in_step: bool = False
    shares: Mapping[str, Literal["one", "n_tasks", "log"]] = field(default_factory=dict)


@dataclass(frozen=True)
class AbstractStrategy(abc.ABC):
    """How the losses of a trial's tasks become one update of its network.

    Subclasses are frozen dataclasses whose fields are hyperparameters; a field's value must be a number, a string, a boolean,
    None or a tuple of these, because it becomes part of the trial's identity. The training loop calls `init` once, then for
    each step `backward`, the optimizer, `end_step`, and after each epoch `end_epoch`. It never asks which strategy it runs.
    """

    key: ClassVar[str]
    """The name in tables and on the command line."""
    kind: ClassVar[Literal["baseline", "loss-based", "gradient-based"]] = "loss-based"
    source: ClassVar[str] = ""
    """Author, year, venue, equation."""
    faithfulness: ClassVar[Faithfulness] = "faithful"
    """How near the method is to its source."""
    component_version: ClassVar[int] = 1
    """Raised by a change that alters the numbers of its trials; trials of this class alone then get new ids."""
    backward_passes: ClassVar[str] = "1"
    """Cost of a step in backward passes through the trunk; K is the number of tasks."""
    extra_memory: ClassVar[str] = "—"
    """Numbers held beyond what plain training holds, up to a constant factor: K tasks, P parameters of the trunk, Z numbers that
    it hands to the heads."""
    batches_per_step: ClassVar[int] = 1
    """How many independent mini-batches one step looks at."""
    needs_representation: ClassVar[bool] = False
    """Whether it works on the representation that all heads read; then not every model will do."""
    by_task: ClassVar[ByTask] = ByTask()
    """How its state goes by tasks, for batches that have no label of some task."""
    on_cpu: ClassVar[tuple[str, ...]] = ()
    """Buffers that stay on the CPU, because the strategy reads their numbers; from a GPU that would wait for it at each step."""

    @property
    def label(self) -> str:
        """`key`, with the hyperparameters that differ from their defaults; tells any two strategies of a sweep apart."""
        changed = [
            f"{f.name}={shortest(getattr(self, f.name))}"
            for f in dataclasses.fields(self)
            if f.default is dataclasses.MISSING or getattr(self, f.name) != f.default
        ]
        return f"{self.key}({','.join(changed)})" if changed else self.key

    def trains(self, tasks: Sequence[Task]) -> tuple[Task, ...]:
        """The tasks that get a head and are trained; all by default."""
        return tuple(tasks)

    def check(self, tasks: Sequence[Task]) -> None:
        """Raise SpecError where the strategy cannot train these tasks. Called when a sweep is planned."""
        del tasks

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        """The state before the first step; nothing by default."""
        del tasks, seeds
        return State()

    def allocate(self, state: State, n_shared: int) -> State:
        """The state of `init` with what depends on the size of the trunk, of `n_shared` parameters in each trial."""
        del n_shared
        return state

    @abc.abstractmethod
    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        """Fill `.grad` of every trained parameter from `batches_per_step` batches.

        Returns the weight that each task's gradient got in the trunk, `[seed, task]` (nan where undefined), and the state.
        """

    def end_step(self, losses: Sequence[TaskLosses], state: State) -> State:
        """Called after the optimizer's step, with the losses of before it."""
        del losses
        return state

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        """Called after each pass over the training subset with each task's unweighted loss, mean over its batches."""
        del mean_losses
        return state

    def scalars(self, state: State) -> dict[str, PerSeed]:
        """Further numbers worth a place in the curves, `[seed]` each."""
        del state
        return {}

    def solver_fallbacks(self, state: State) -> Counts | None:
        """At how many steps so far a numerical solver failed and another direction was taken, `[seed]`; None without one."""
        del state
        return None


@dataclass(frozen=True)
class AbstractWeighting(AbstractStrategy):
    """A strategy that looks at loss values only: one objective for each seed, one backward pass."""

    @abc.abstractmethod
    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        """The objective `[seed]` to minimise, the weights `[seed, task]` it gives to the losses, and the state."""

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        (batch,) = losses
        objective, weights, state = self.combine(batch.values, state)
        if objective.shape != batch.values.shape[:1]:  # a mean over seeds, for one, would depend on the pack
            raise SpecError(
                f"The objective that {self.label} returns should have shape [seed] = [{len(batch.values)}]. Found "
                f"{list(objective.shape)}. Sum over the tasks alone, as in `losses.sum(dim=1)`."
            )
        torch.autograd.backward(objective.sum())  # seeds share no parameter, so the sum keeps them apart
        return weights.detach(), state


@dataclass(frozen=True)
class AbstractGradientBased(AbstractStrategy):
    """A strategy that writes a direction for the trunk, and what all of these have in common.

    `grad_scale` says how long its direction is: "native" as the method gives it, "match_sum" as long as the sum of the tasks'
    gradients, so that methods can be compared at one learning rate; the weights are scaled alike. A direction of zero stays.

    `head_grad` says what the heads follow: "unweighted" their own loss, "weighted" that times the task's weight, as code does
    that runs one backward pass over the weighted sum. A method without weights refuses the latter.

    A subclass with a `__post_init__` of its own calls this one.
    """

    grad_scale: Literal["native", "match_sum"] = field(default="native", kw_only=True)
    head_grad: Literal["unweighted", "weighted"] = field(default="unweighted", kw_only=True)

    kind: ClassVar[Literal["baseline", "loss-based", "gradient-based"]] = "gradient-based"
    backward_passes: ClassVar[str] = "K"
    has_weights: ClassVar[bool] = True
    """Whether the direction is a weighted sum of the tasks' gradients."""

    def __post_init__(self) -> None:
        require_choice("grad_scale", self.grad_scale, ("native", "match_sum"))
        require_choice("head_grad", self.head_grad, ("unweighted", "weighted"))
        if self.head_grad == "weighted" and not self.has_weights:
            raise SpecError(
                f'Parameter `head_grad` of {type(self).__name__} should be "unweighted", because its direction is not a '
                'weighted sum of the tasks\' gradients. Found `head_grad = "weighted"`.'
            )

    def apply(
        self, batch: TaskLosses, direction: Direction, weights: Weights, total: Callable[[], Direction]
    ) -> Weights:
        """Write a direction as `grad_scale` and `head_grad` say, after `batch.jacobian()`; returns the weights it then has.

        `total` gives the sum of the tasks' gradients, where it is needed. A `backward` ends with this.
        """
        if self.grad_scale == "match_sum":
            size, target = (torch.linalg.vector_norm(d, dim=1, keepdim=True) for d in (direction, total()))
            factor = torch.where(size > 0, target / size, torch.ones_like(size))
            direction, weights = factor * direction, factor * weights
        batch.write(direction)
        if self.head_grad == "weighted":
            batch.weigh_heads(weights)
        return weights


@dataclass(frozen=True)
class AbstractAggregation(AbstractGradientBased):
    """A strategy that looks at each task's gradient of the trunk on one mini-batch."""

    @abc.abstractmethod
    def aggregate(self, jacobian: Jacobian, losses: Losses, state: State) -> tuple[Direction, Weights, State]:
        """The direction `[seed, param]` for the trunk, the weights that made it (nan where undefined), and the state."""

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        (batch,) = losses
        jacobian = batch.jacobian()
        direction, weights, state = self.aggregate(jacobian, batch.values.detach(), state)
        return self.apply(batch, direction, weights, lambda: jacobian.sum(dim=1)), state
