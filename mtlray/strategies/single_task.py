"""Single-task learning: the baseline that every multi-task result is judged against."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from mtlray.axes import Losses, PerSeed, Weights
from mtlray.errors import unknown_name
from mtlray.strategies.base import AbstractWeighting, State
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class SingleTask(AbstractWeighting):
    """Train one task alone: the trunk and this task's head, nothing else.

    Gong et al. 2019, "STL". It is not a weighting with zeros: the other heads do not exist, so weight decay cannot move them
    and the parameter count is that of one task. One trial for each task; the row's cost is their sum.

    The one task that is trained weighs one; the others have no head.

    >>> from mtlray import SingleTask, try_out
    >>> try_out(SingleTask(task="task0"), [(2,)]).weights
    tensor([[1.]])
    """

    task: str

    key: ClassVar[str] = "stl"
    kind: ClassVar[Literal["baseline", "loss-based", "gradient-based"]] = "baseline"
    source: ClassVar[str] = "Gong et al. 2019, section III"

    @property
    def label(self) -> str:
        return f"{self.key}:{self.task}"

    def trains(self, tasks: Sequence[Task]) -> tuple[Task, ...]:
        return tuple(task for task in tasks if task.name == self.task)

    def check(self, tasks: Sequence[Task]) -> None:
        """Raises SpecError where the data set has no such task."""
        names = [task.name for task in tasks]
        if self.task not in names:
            raise unknown_name("task", self.task, names)

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        return losses.sum(dim=1), torch.ones_like(losses), state
