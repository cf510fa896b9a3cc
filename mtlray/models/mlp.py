"""A multilayer perceptron as a shared trunk, with one linear layer for each task."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from mtlray.axes import TokenShape
from mtlray.checks import integer, is_number, require
from mtlray.errors import SpecError
from mtlray.models.base import ModelSpec, SharedTrunk, linear_head
from mtlray.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class MLP(ModelSpec):
    """Layers of `widths` units, each with ReLU and, where it is more than 0, dropout; inputs of any shape are flattened.

    >>> from mtlray import MLP, binary
    >>> network = MLP(widths=(32, 16)).build((103,), [binary("class1"), binary("class2")])
    >>> sum(parameter.numel() for parameter in network.parameters())
    3890
    """

    widths: tuple[int, ...] = (64, 64)
    dropout: float = 0.0

    key: ClassVar[str] = "mlp"

    def __post_init__(self) -> None:
        rule = "be numbers of units, at least one of 1 or more"
        object.__setattr__(self, "widths", tuple(integer("widths", width, rule) for width in self.widths))
        require(len(self.widths) > 0 and min(self.widths) >= 1, "widths", rule, self.widths)
        require(is_number(self.dropout) and 0 <= self.dropout < 1, "dropout", "lie in [0, 1)", self.dropout)

    @property
    def label(self) -> str:
        name = "-".join([self.key, *map(str, self.widths)])
        return f"{name}-dropout{self.dropout:g}" if self.dropout else name

    @property
    def stochastic(self) -> bool:
        return self.dropout > 0

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Takes any tasks. Raises SpecError for inputs that are tokens: the numbers of words are no quantities."""
        del tasks
        if isinstance(input_shape, TokenShape):
            raise SpecError(
                "An MLP takes numbers or images. The inputs of the data set are tokens: choose `TextEncoder()`."
            )

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        layers: list[nn.Module] = [nn.Flatten()]
        before = math.prod(input_shape)
        for width in self.widths:
            layers += [nn.Linear(before, width), nn.ReLU()]
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
            before = width
        return SharedTrunk(nn.Sequential(*layers), {task.name: linear_head(task, before) for task in tasks})
