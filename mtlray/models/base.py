"""What a model is: a trunk that all tasks share, and one head for each task."""

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from mtlray.tasks.task import Task


def head_name(task: str) -> str:
    """The name of a task's head among a network's modules: the task's own, where torch allows it.

    It allows no point and none of the names that a ModuleDict has itself, such as `type` and `values`.
    """
    name = task.replace(".", "%2E")
    return f"%{name}" if hasattr(nn.ModuleDict, name) or name in vars(nn.ModuleDict()) else name


def linear_head(task: Task, width: int) -> nn.Module:
    """One linear layer from a representation `[batch, width]` to a task's output."""
    linear = nn.Linear(width, math.prod(task.output_shape))
    return linear if len(task.output_shape) == 1 else nn.Sequential(linear, nn.Unflatten(1, task.output_shape))


class Heads(nn.ModuleDict):
    """One head for each task; `forward` gives one prediction for each, in order."""

    def __init__(self, heads: Mapping[str, nn.Module]) -> None:
        super().__init__({head_name(task): head for task, head in heads.items()})

    def forward(self, representation: Tensor) -> tuple[Tensor, ...]:
        return tuple(head(representation) for head in self.values())


class SharedTrunk(nn.Module):
    """A trunk, and the heads that read its representation of the inputs."""

    def __init__(self, trunk: nn.Module, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = Heads(heads)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        predictions: tuple[Tensor, ...] = self.heads(self.trunk(inputs))
        return predictions


@dataclass(frozen=True)
class ModelSpec(abc.ABC):
    """What network a trial trains, apart from its weights; part of the trial's identity.

    >>> import math
    >>> from dataclasses import dataclass
    >>> import torch
    >>> from mtlray import ModelSpec, MultiMNIST, SharedTrunk
    >>> @dataclass(frozen=True)
    ... class OneLayer(ModelSpec):
    ...     key = label = "one_layer"
    ...
    ...     def check(self, input_shape, tasks):
    ...         pass
    ...
    ...     def build(self, input_shape, tasks):
    ...         trunk = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(math.prod(input_shape), 16), torch.nn.ReLU())
    ...         return SharedTrunk(trunk, {task.name: torch.nn.Linear(16, *task.output_shape) for task in tasks})
    >>> network = OneLayer().build((1, 36, 36), MultiMNIST().tasks)
    >>> [tuple(prediction.shape) for prediction in network(torch.zeros(2, 1, 36, 36))]
    [(2, 10), (2, 10)]
    """

    key: ClassVar[str]
    component_version: ClassVar[int] = 1
    """Raised by a change that alters what the network computes or how its weights start; trials of this class alone then get new
    ids."""

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """The name in results."""

    @property
    def stochastic(self) -> bool:
        """Whether a training step draws random numbers (dropout)."""
        return False

    @property
    def single_representation(self) -> bool:
        """Whether all heads read one tensor that the trunk makes, as `SharedTrunk.forward` has it; else override both."""
        return True

    @abc.abstractmethod
    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Raise SpecError where the network cannot take these inputs or serve these tasks. Called when a sweep is planned."""

    @abc.abstractmethod
    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        """The network with freshly initialised weights, drawn from torch's generator as the caller has seeded it."""
