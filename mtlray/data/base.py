"""What a data set is: a spec that says what the data is, never where it lies, and the arrays that a trial reads."""

import abc
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mtlray.axes import Indices
from mtlray.data.files import maker
from mtlray.identity.codec import canonical_json, is_ours
from mtlray.randomness import numpy_generator
from mtlray.tasks.task import Task

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Column:
    """One stored array of a split, `[example, ...]`, and how to read it.

    | kind | stored | read as |
    |---|---|---|
    | `image` | uint8 | pixels in [0, 1], times `scale` |
    | `label` | any integers | int64; negative values stand for no label |
    | `token` | integers of 0 or more | int64; 0 stands for padding, see `TokenShape` |
    | `number` | any numbers | times `scale` |
    | `direction` | `[example, channel, ...]` | the first three channels as a unit vector, or (0, 0, 0); others as they are |
    """

    values: Tensor
    kind: Literal["image", "label", "token", "number", "direction"]
    scale: float = 1.0

    def gather(self, indices: Indices, dtype: torch.dtype) -> Tensor:
        """The examples at `indices`, `[seed, batch, ...]`, decoded; labels and tokens as int64, all others as `dtype`."""
        return self.decode(self.stored(indices), dtype)

    def stored(self, indices: Indices) -> Tensor:
        """The examples at `indices`, `[seed, batch, ...]`, as they are stored."""
        rows = self.values.index_select(0, indices.flatten())  # copies rows whole; `values[...]` goes by numbers
        return rows.view(*indices.shape, *rows.shape[1:])

    def decode(self, rows: Tensor, dtype: torch.dtype) -> Tensor:
        """What `stored` gave, decoded on the device on which it lies."""
        match self.kind:
            case "label" | "token":
                return rows.long()
            case "image":
                return rows.to(dtype).div_(255 / self.scale)
            case "number":
                return rows.to(dtype).mul_(self.scale)
            case "direction":
                values = rows.to(dtype)
                return torch.cat([torch.nn.functional.normalize(values[:, :, :3], dim=2), values[:, :, 3:]], dim=2)


@dataclass(frozen=True, slots=True)
class Examples:
    """One split, resident in memory or memory-mapped: the inputs and each task's targets.

    `rows` are the rows of the columns that belong to the split, in its order; None: all of them.
    """

    inputs: Column
    targets: Mapping[str, Column]
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs.values if self.rows is None else self.rows)

    @property
    def n_bytes(self) -> int:
        """The size of the arrays that the columns are read from, those of other splits included."""
        return sum(c.values.numel() * c.values.element_size() for c in (self.inputs, *self.targets.values()))

    def located(self, indices: Indices) -> Indices:
        """Indices into the columns, for indices into the split."""
        return indices if self.rows is None else self.rows[indices]

    def to(self, device: torch.device) -> "Examples":
        """The same split on a device; the CPU keeps the memory map."""
        if device.type == "cpu":
            return self

        def move(c: Column) -> Column:
            return Column(c.values.to(device), c.kind, c.scale)

        rows = None if self.rows is None else self.rows.to(device)
        return Examples(move(self.inputs), {name: move(column) for name, column in self.targets.items()}, rows)


@dataclass(frozen=True, slots=True)
class Dataset:
    """The splits of a prepared data set, and the fingerprint of what was read. `splits["val"]` may have no example."""

    splits: Mapping[str, Examples]
    fingerprint: str


@dataclass(frozen=True)
class DatasetSpec(abc.ABC):
    """What data a trial learns from, and the tasks on it; part of the trial's identity.

    Arrays are made in `prepared_folder`, which has another name for another text of the class and for other fields. A class that
    names its folder itself is told by DataError where the arrays there were made by an earlier text, or with other fields.

    >>> from mtlray import DatasetSpec, MultiMNIST
    >>> isinstance(MultiMNIST(), DatasetSpec), MultiMNIST().input_shape
    (True, (1, 36, 36))
    """

    key: ClassVar[str]
    component_version: ClassVar[int] = 1
    """Raised by a change that alters the arrays, their order or their augmentation; trials of this class alone then get new
    ids."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("prepare", "load"):
            if name in vars(cls):
                setattr(cls, name, _at_work(vars(cls)[name], cls))

    @cached_property
    def prepared_by(self) -> str:
        """What makes its arrays: JSON of the class, with the digest of its code, and of its fields; "" for mtlray's own.

        Kept with the data set, because a worker cannot read a sweep file's code. Raises SpecError where the code cannot be told.
        """
        return "" if is_ours(type(self)) else canonical_json(self)

    def prepared_folder(self, root: Path) -> Path:
        """Where arrays are made below `root`: a folder named by `key` and a digest of the class's code and of its fields.

        Raises SpecError where the code cannot be told.
        """
        text = self.prepared_by or canonical_json(self)
        return root / "prepared" / f"{self.key}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

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
        """The shape of one decoded input; a `TokenShape` where inputs are tokens."""

    @property
    def own_examples(self) -> Mapping[str, int] | None:
        """How many training examples each task has, where each has examples of its own; None where all tasks share them.

        Each example then has a label of its own task alone; see docs/adding-a-dataset.md. Known without the data.
        """
        return None

    @property
    def evaluation_batch(self) -> int:
        """How many examples are evaluated at once. Part of what a trial computes: float32 sums depend on how a split is cut."""
        return 500

    @property
    def augmented(self) -> bool:
        """Whether training batches are changed at random."""
        return False

    def augment(
        self, inputs: Tensor, targets: Mapping[str, Tensor], random: Sequence[torch.Generator]
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """A training batch changed at random, inputs and targets alike, all leading with `[seed, batch]`.

        `random` are generators on the CPU, one a seed, made anew for each batch. Called where `augmented`.
        """
        del random
        return inputs, targets

    @abc.abstractmethod
    def n_examples(self, split: SplitName) -> int:
        """The size of a split, known without the data."""

    def folders(self, root: Path) -> tuple[Path, ...]:
        """The folders of prepared arrays below `root`, whether they are there or not, that a node may fetch instead of making.

        Default: none, so that each node makes all by itself.
        """
        del root
        return ()

    @abc.abstractmethod
    def prepare(self, root: Path) -> str:
        """Create the arrays below `root` if they are not there; returns their fingerprint. Safe to call from many processes.

        Raises DataError where a source is missing or damaged.
        """

    @abc.abstractmethod
    def load(self, root: Path) -> Dataset:
        """The prepared arrays, checked against their fingerprint. Raises DataError."""


def _at_work(method: Callable[..., Any], owner: type) -> Callable[..., Any]:
    """The `prepare` or `load` that the class `owner` defines, within which arrays are the data set's own."""

    @functools.wraps(method)
    def known(self: DatasetSpec, *arguments: Any, **named: Any) -> Any:
        # A class that takes over what mtlray's own does shares its arrays.
        with maker.at_work(lambda: "" if is_ours(owner) else self.prepared_by):
            return method(self, *arguments, **named)

    return known


def subset_size(n_examples: int, fraction: float) -> int:
    """How many training examples a data fraction has: at least one."""
    return max(1, round(fraction * n_examples))


def subset(n_examples: int, fraction: float, seed: int, purpose: str = "subset") -> np.ndarray:
    """The training examples of a data fraction: `round(fraction * n)` indices, at least one.

    Nested: a seed's 10 % lie inside its 25 %, which lie inside its 100 %. `purpose` names the random stream.
    """
    return numpy_generator(seed, purpose).permutation(n_examples)[: subset_size(n_examples, fraction)]
