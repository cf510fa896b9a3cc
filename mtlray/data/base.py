"""What a data set is: a spec that says what the data is, never where it lies, and the arrays that a trial reads."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mtlray.axes import Indices
from mtlray.randomness import numpy_generator
from mtlray.tasks import Task

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Column:
    """One stored array of a split, `[example, ...]` in uint8, and how to read it: pixels in [0, 1], or class labels."""

    values: Tensor
    kind: Literal["image", "label"]
    scale: float = 1.0

    def gather(self, indices: Indices, dtype: torch.dtype) -> Tensor:
        """The examples at `indices`, `[seed, batch, ...]`, decoded; labels as int64, pixels times `scale` as `dtype`."""
        rows = self.values[indices.flatten()]
        rows = rows.long() if self.kind == "label" else rows.to(dtype).div_(255 / self.scale)
        return rows.view(*indices.shape, *rows.shape[1:])


@dataclass(frozen=True, slots=True)
class Examples:
    """One split, resident in memory or memory-mapped: the inputs and each task's targets."""

    inputs: Column
    targets: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.inputs.values)

    def to(self, device: torch.device) -> "Examples":
        """The same split on a device; the CPU keeps the memory map."""
        if device.type == "cpu":
            return self

        def move(c: Column) -> Column:
            return Column(c.values.to(device), c.kind, c.scale)

        return Examples(move(self.inputs), {name: move(column) for name, column in self.targets.items()})


@dataclass(frozen=True, slots=True)
class Dataset:
    """The splits of a prepared data set, and the fingerprint of what was read. `splits["val"]` may have no example."""

    splits: Mapping[str, Examples]
    fingerprint: str


@dataclass(frozen=True)
class DatasetSpec(abc.ABC):
    """What data a trial learns from, and the tasks on it; part of the trial's identity."""

    key: ClassVar[str]

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """The name in results, and a folder's name there; tells any two data sets of a sweep apart."""

    @property
    @abc.abstractmethod
    def origin(self) -> str:
        """Where the data comes from, in words; printed at the head of every table."""

    @property
    @abc.abstractmethod
    def tasks(self) -> tuple[Task, ...]:
        """The tasks, in order."""

    @property
    @abc.abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one decoded input."""

    @abc.abstractmethod
    def n_examples(self, split: SplitName) -> int:
        """The size of a split, known without the data."""

    @abc.abstractmethod
    def prepare(self, root: Path) -> str:
        """Make the arrays below `root` if they are not there; returns their fingerprint. Safe to call from many processes.

        Raises DataError where a source is missing or damaged.
        """

    @abc.abstractmethod
    def load(self, root: Path) -> Dataset:
        """The prepared arrays, checked against their fingerprint. Raises DataError."""


def subset(n_examples: int, fraction: float, seed: int) -> np.ndarray:
    """The training examples of a data fraction: `round(fraction * n)` indices, at least one.

    Nested: a seed's 10 % lie inside its 25 %, which lie inside its 100 %.
    """
    kept = max(1, round(fraction * n_examples))
    return numpy_generator(seed, "subset").permutation(n_examples)[:kept]
