"""What a model is: a trunk that all tasks share, and one head for each task."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from mtlray.tasks import Task


class SharedTrunk(nn.Module):
    """A trunk and one head for each task; `forward` gives one prediction for each head, in order."""

    def __init__(self, trunk: nn.Module, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleDict(dict(heads))

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        representation = self.trunk(inputs)
        return tuple(head(representation) for head in self.heads.values())


@dataclass(frozen=True)
class ModelSpec(abc.ABC):
    """What network a trial trains, apart from its weights; part of the trial's identity."""

    key: ClassVar[str]

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """The name in results."""

    @property
    def stochastic(self) -> bool:
        """Whether a training step draws random numbers (dropout)."""
        return False

    @abc.abstractmethod
    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Raise SpecError where the network cannot take these inputs or serve these tasks. Called when a sweep is planned."""

    @abc.abstractmethod
    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        """The network with freshly initialised weights, drawn from torch's generator as the caller has seeded it."""
