"""What data sets of named columns share: tasks that read columns, inputs, tokens, splits, scaling, identity by content."""

import abc
import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mtlray.axes import TokenShape
from mtlray.checks import integer, require, require_choice
from mtlray.data.arrays import checks, splitting, text
from mtlray.data.arrays.text import TOKENIZERS, Token, Tokenizer
from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, SplitName
from mtlray.data.files import prepared
from mtlray.tasks.masked_losses import StandardError
from mtlray.tasks.metrics.numbers import NumberMetric
from mtlray.tasks.metrics.own import OwnMetric
from mtlray.tasks.task import Task

# Read once a process, and not sent to workers, which have the prepared arrays.
_DATA = frozenset({"_columns", "_named_inputs", "_inputs", "_tokens", "_rows", "_task_of", "vocabulary"})


@dataclass(frozen=True, kw_only=True)
class ColumnsDataset(DatasetSpec):
    """Named arrays of equal length, of which a subclass says where they come from and which rows are in which split."""

    name: str
    tasks: tuple[Task, ...] = ()  # a default, for the base class has a property of that name
    inputs: tuple[str, ...] | str = ()
    tokens: Tokenizer | None = field(default=None, metadata={"neutral": None})
    max_length: int | None = field(default=None, metadata={"neutral": None})
    max_vocabulary: int | None = field(default=None, metadata={"neutral": None})
    val: float = 0.1
    test: float = 0.2
    group: str | None = None
    standardize: bool = True
    data_seed: int = 0
    about: str = field(default="", metadata={"identity": False})
    """Where the data come from, in words, for the head of tables; by default what the source is called."""
    content: str = field(init=False, default="")

    def __post_init__(self) -> None:
        allowed = bool(self.name) and all(c.isalnum() or c in "-_." for c in self.name) and self.name[0] != "."
        require(allowed, "name", "consist of letters, digits, `-`, `_` and `.`", repr(self.name))
        object.__setattr__(self, "tasks", checks.tasks_of(self.tasks))
        object.__setattr__(self, "inputs", checks.input_names(self.inputs))
        if self.tokens is not None:
            require_choice("tokens", self.tokens, TOKENIZERS)
        for most in ("max_length", "max_vocabulary"):
            if (value := getattr(self, most)) is not None:
                object.__setattr__(self, most, integer(most, value))
                require(value >= 1, most, "be at least 1, or None for as many as there are", value)
        for share in ("val", "test"):
            splitting.require_share(share, getattr(self, share))
        object.__setattr__(self, "data_seed", integer("data_seed", self.data_seed))
        checks.kinds_of_settings(self)
        self._settle()
        object.__setattr__(self, "content", self._content())
        self._check_columns()
        object.__setattr__(self, "tasks", tuple(self._in_standard_units(task) for task in self.tasks))

    # -- where the columns come from

    @abc.abstractmethod
    def _settle(self) -> None:
        """Check what a subclass adds, and bring it into one form."""

    @abc.abstractmethod
    def _source_name(self) -> str:
        """The source in a few words."""

    @abc.abstractmethod
    def _read(self) -> dict[str, np.ndarray]:
        """All columns, `[example, ...]` each. Raises DataError and SpecError."""

    @abc.abstractmethod
    def _content(self) -> str:
        """16 hex digits over what the data are."""

    @abc.abstractmethod
    def _draw_rows(self) -> dict[SplitName, np.ndarray]:
        """The rows of each split."""

    def _split_column(self) -> str | None:
        """The column that holds the splits. Default: none."""
        return None

    def _own_columns(self) -> tuple[str, str] | None:
        """Where each task has examples of its own: the columns with an example's task and its label. Default: None."""
        return None

    @abc.abstractmethod
    def _check_unchanged(self) -> None:
        """Raise DataError where the source has changed since its content was looked at."""

    # -- what it is

    @property
    def label(self) -> str:
        return self.name

    @property
    def origin(self) -> str:
        return self.about or f"{self._source_name()}, content {self.content[:8]}"

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self._sizes[0]

    def n_examples(self, split: SplitName) -> int:
        return self._sizes[1][split]

    @property
    def own_examples(self) -> Mapping[str, int] | None:
        return self._sizes[2]

    # -- reading, once a process

    @cached_property
    def _sizes(self) -> tuple[tuple[int, ...], dict[SplitName, int], dict[str, int] | None]:
        """The shape of an input, and the number of examples of each split, and of each task's own for training.

        All that a worker needs besides prepared arrays.
        """
        n_examples, own = {split: len(rows) for split, rows in self._rows.items()}, None
        if self._task_of is not None:
            train = self._rows["train"]
            own = {task.name: checks.n_labels(self._target(task)[train]) for task in self.tasks}
        if self.tokens is not None:
            return TokenShape(self._length, text.FIRST + len(self.vocabulary)), n_examples, own
        return tuple(self._inputs.shape[1:]), n_examples, own

    def __getstate__(self) -> dict[str, object]:
        """What travels to a worker: not the data."""
        self._sizes  # noqa: B018
        return {name: value for name, value in self.__dict__.items() if name not in _DATA} | self._sent_source()

    def _sent_source(self) -> dict[str, object]:
        """What takes the place of fields and of what is derived from them. Default: nothing, they travel as they are."""
        return {}

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        return self._read()

    def _column(self, name: str, use: str) -> np.ndarray:
        return checks.column(self._columns, name, use, self._source_name())

    @cached_property
    def _named_inputs(self) -> list[tuple[str, np.ndarray]]:
        names = [self.inputs] if isinstance(self.inputs, str) else list(self.inputs)
        if not names:
            taken = {
                self._split_column(),
                self.group,
                *(task.name for task in self.tasks),
                *(self._own_columns() or ()),
            }
            names = checks.default_inputs(self._columns, taken, self._source_name())
        return [(name, self._column(name, "an input")) for name in names]

    @cached_property
    def _inputs(self) -> np.ndarray:
        """All inputs as they are stored but for standardising: `[example, ...]`, uint8 images with channels or float64."""
        return checks.inputs(self._named_inputs)

    @cached_property
    def _tokens(self) -> list[list[Token]]:
        """The tokens of each example."""
        assert self.tokens is not None
        names = [name for name, _ in self._named_inputs]
        require(len(names) == 1, "inputs", "be the one column that holds the texts, where `tokens` is set", names)
        ((name, values),) = self._named_inputs
        return text.cut(values, self.tokens, name)

    @cached_property
    def vocabulary(self) -> tuple[Token, ...]:
        """The tokens of the training examples, the most frequent first: the first has the number 2, for 0 is padding and 1 any
        token that is not among them. Empty where inputs are no tokens.
        """
        if self.tokens is None:
            return ()
        return text.vocabulary_of((self._tokens[row] for row in self._rows["train"]), self.max_vocabulary)

    @property
    def _length(self) -> int:
        longest = max(1, *map(len, self._tokens))
        return longest if self.max_length is None else min(longest, self.max_length)

    @cached_property
    def _rows(self) -> dict[SplitName, np.ndarray]:
        rows, groups = self._draw_rows(), self._groups()
        checks.splits(rows, self.name, self._task_of)
        if groups is not None:
            checks.groups_in_one_split(rows, groups, str(self.group))
        return rows

    def _check_columns(self) -> None:
        """Raise DataError for what cannot be trained on, before anything is."""
        rows = self._rows
        targets = [(task, self._target(task)) for task in self.tasks]
        self._sizes  # noqa: B018
        for task, target in targets:
            checks.labels(task, target, rows)

    @cached_property
    def _task_of(self) -> np.ndarray | None:
        """The name of the task that each example is of, where each has its own."""
        if (named := self._own_columns()) is None:
            return None
        return checks.task_names(self._column(named[0], "the task"), self.tasks, named[0])

    def _groups(self) -> np.ndarray | None:
        return None if self.group is None else checks.groups(self._column(self.group, "the group"), self.group)

    def _target(self, task: Task) -> np.ndarray:
        if (named := self._own_columns()) is None or self._task_of is None:
            return checks.target(task, self._column(task.name, f"task {task.name}"))
        return checks.target(task, checks.of_task(task, self._column(named[1], "the labels"), self._task_of))

    def _in_standard_units(self, task: Task) -> Task:
        """A regression whose network predicts in standard deviations of the training labels."""
        if not self.standardize or not isinstance(task.loss, StandardError):
            return task
        values = self._target(task)[self._rows["train"]].astype(np.float64)
        there = values[~np.isnan(values)]
        mean, std = (float(there.mean()), float(there.std())) if len(there) else (0.0, 1.0)
        std = std if std and there.min() < there.max() else 1.0  # of equal values it is 0 but for rounding
        metrics = tuple(m.scaled(mean, std) if isinstance(m, NumberMetric | OwnMetric) else m for m in task.metrics)
        return dataclasses.replace(task, loss=dataclasses.replace(task.loss, mean=mean, std=std), metrics=metrics)

    # -- preparing and loading

    def folders(self, root: Path) -> tuple[Path, ...]:
        return (self._folder(root),)

    def prepare(self, root: Path) -> str:
        return prepared.prepare(self._folder(root), self._make)

    def load(self, root: Path) -> Dataset:
        arrays, mark = prepared.load(self._folder(root))
        splits: dict[str, Examples] = {}
        for split in splitting.SPLITS:
            stored = arrays[f"{split}-inputs"]
            of_numbers = Column(stored, "image" if stored.dtype.itemsize == 1 else "number")
            targets = {
                task.name: Column(
                    arrays[f"{split}-task-{i}"], "label" if task.likelihood == "categorical" else "number"
                )
                for i, task in enumerate(self.tasks)
            }
            splits[split] = Examples(of_numbers if self.tokens is None else Column(stored, "token"), targets)
        return Dataset(splits, mark)

    def _made_of(self) -> list[Any]:
        """All that the prepared arrays follow from, besides the tasks."""
        made_of = [self.content, self.inputs, self._split_column(), self.val, self.test, self.group]
        made_of += [self.standardize, self.data_seed]
        return made_of if self.tokens is None else [*made_of, self.tokens, self.max_length, self.max_vocabulary]

    def _folder(self, root: Path) -> Path:
        names = [[task.name, task.likelihood, list(task.output_shape)] for task in self.tasks]
        digest = hashlib.sha256(json.dumps([self._made_of(), names]).encode()).hexdigest()[:8]
        return root / "prepared" / f"{self.key}-{self.name}-{digest}"

    def _make(self) -> dict[str, np.ndarray]:
        self._check_unchanged()
        inputs, rows = self._stored_inputs(), self._rows
        arrays = {f"{split}-inputs": inputs[of_split] for split, of_split in rows.items()}
        for i, task in enumerate(self.tasks):
            target = self._target(task)
            arrays |= {f"{split}-task-{i}": target[of_split] for split, of_split in rows.items()}
        return arrays

    def _stored_inputs(self) -> np.ndarray:
        if self.tokens is not None:
            return text.numbered(self._tokens, self.vocabulary, self._length)
        inputs = self._inputs
        if inputs.dtype == np.uint8:
            return inputs
        train = inputs[self._rows["train"]]
        if not self.standardize:
            return inputs.astype(np.float32)
        varies = train.min(axis=0) < train.max(axis=0)  # of equal values mean and deviation are off by rounding
        mean, std = np.where(varies, train.mean(axis=0), train[0]), np.where(varies, train.std(axis=0), 1)
        scaled: np.ndarray = ((inputs - mean) / np.where(std > 0, std, 1)).astype(np.float32)
        return scaled
