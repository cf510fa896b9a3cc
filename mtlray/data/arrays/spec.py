"""ArrayDataset: a table or arrays of your own, with one line for each task."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from mtlray.checks import integer, require
from mtlray.data.arrays import checks, sources, splitting
from mtlray.data.arrays.sources import Source
from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, SplitName
from mtlray.data.files import prepared
from mtlray.errors import DataError
from mtlray.tasks.masked_losses import StandardError
from mtlray.tasks.metrics.numbers import NumberMetric
from mtlray.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class ArrayDataset(DatasetSpec):
    """A data set from a .csv, .parquet or .npz file, or from a function that returns named arrays or a data frame.

    Each of `tasks` reads the column of its own name: classes as numbers from 0 (binary: 0 and 1), negative or empty where there
    is no label; numbers, empty or NaN where there is none. `inputs` name the columns that the network reads, or one array; by
    default `x` where there is one, else all other columns. Inputs of uint8 with two or three axes an example are images,
    `[example, (channel,) row, column]`, read as pixels in [0, 1]; all others are numbers, standardised by the mean and
    standard deviation of the training examples unless `standardize` is off, and so are the labels of regressions.

    `split` names a column that holds train, val or test. Without it `val` and `test` are shares or numbers of examples, drawn
    with `data_seed`; `group` names a column whose equal values stay in one split. What the data are is part of a trial's
    identity, by a hash of the file's bytes or of the function's arrays, and where they lie is not. Raises SpecError and
    DataError.

    >>> import numpy as np
    >>> from mtlray import ArrayDataset, binary, regression
    >>> def arrays():
    ...     rng = np.random.default_rng(0)
    ...     x = rng.normal(size=(100, 3))
    ...     return {"x": x, "large": x[:, 0] > 0, "sum": x.sum(axis=1)}
    >>> dataset = ArrayDataset(name="sums", source=arrays, tasks=(binary("large"), regression("sum")))
    >>> dataset.input_shape, [dataset.n_examples(split) for split in ("train", "val", "test")]
    ((3,), [70, 10, 20])
    """

    name: str
    source: Source = field(metadata={"identity": False})
    tasks: tuple[Task, ...] = ()  # a default, for the base class has a property of that name
    inputs: tuple[str, ...] | str = ()
    split: str | None = None
    val: float = 0.1
    test: float = 0.2
    group: str | None = None
    standardize: bool = True
    data_seed: int = 0
    about: str = field(default="", metadata={"identity": False})
    """Where the data come from, in words, for the head of tables; by default the file's name."""
    content: str = field(init=False, default="")

    key: ClassVar[str] = "array"

    def __post_init__(self) -> None:
        allowed = bool(self.name) and all(c.isalnum() or c in "-_." for c in self.name) and self.name[0] != "."
        require(allowed, "name", "consist of letters, digits, `-`, `_` and `.`", repr(self.name))
        object.__setattr__(self, "tasks", checks.tasks_of(self.tasks))
        if not callable(self.source):
            object.__setattr__(self, "source", str(Path(self.source).expanduser().absolute()))
        if not isinstance(self.inputs, str):
            object.__setattr__(self, "inputs", tuple(self.inputs))
        for share in ("val", "test"):
            splitting.require_share(share, getattr(self, share))
        object.__setattr__(self, "data_seed", integer("data_seed", self.data_seed))
        known = sources.content_of_arrays(self._columns) if callable(self.source) else self._content_of_file()
        object.__setattr__(self, "content", known)
        object.__setattr__(self, "tasks", tuple(self._in_standard_units(task) for task in self.tasks))

    # -- what it is

    @property
    def label(self) -> str:
        return self.name

    @property
    def origin(self) -> str:
        return self.about or f"{sources.name_of(self.source)}, content {self.content[:8]}"

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self._sizes[0]

    def n_examples(self, split: SplitName) -> int:
        return self._sizes[1][split]

    # -- reading, once a process

    @cached_property
    def _sizes(self) -> tuple[tuple[int, ...], dict[SplitName, int]]:
        """The shape of an input, and the number of examples of each split; all that a worker needs besides prepared arrays."""
        return tuple(self._inputs.shape[1:]), {split: len(rows) for split, rows in self._rows.items()}

    def __getstate__(self) -> dict[str, object]:
        """What travels to a worker: not the data."""
        self._sizes  # noqa: B018
        return {name: value for name, value in self.__dict__.items() if name not in ("_columns", "_inputs", "_rows")}

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        return sources.columns(self.source)

    def _content_of_file(self) -> str:
        return sources.content_of_file(Path(str(self.source)))

    def _column(self, name: str, use: str) -> np.ndarray:
        return checks.column(self._columns, name, use, sources.name_of(self.source))

    @cached_property
    def _inputs(self) -> np.ndarray:
        """All inputs as they are stored but for standardising: `[example, ...]`, uint8 images with channels or float64."""
        names = [self.inputs] if isinstance(self.inputs, str) else list(self.inputs)
        if not names:
            taken = {self.split, self.group, *(task.name for task in self.tasks)}
            names = ["x"] if "x" in self._columns else [name for name in self._columns if name not in taken]
        return checks.inputs([(name, self._column(name, "an input")) for name in names])

    @cached_property
    def _rows(self) -> dict[SplitName, np.ndarray]:
        n = len(next(iter(self._columns.values())))
        if self.split is not None:
            rows = splitting.by_column(self._column(self.split, "the split"), self.split)
        else:
            groups = None if self.group is None else self._column(self.group, "the group")
            rows = splitting.at_random(n, self.val, self.test, groups, self.data_seed)
        checks.splits(rows, self.name)
        return rows

    def _target(self, task: Task) -> np.ndarray:
        return checks.target(task, self._column(task.name, f"task {task.name}"))

    def _in_standard_units(self, task: Task) -> Task:
        """A regression whose network predicts in standard deviations of the training labels."""
        if not self.standardize or not isinstance(task.loss, StandardError):
            return task
        values = self._target(task)[self._rows["train"]].astype(np.float64)
        there = values[~np.isnan(values)]
        mean, std = (float(there.mean()), float(there.std())) if len(there) else (0.0, 1.0)
        std = std or 1.0
        metrics = tuple(m.scaled(mean, std) if isinstance(m, NumberMetric) else m for m in task.metrics)
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
            image = arrays[f"{split}-inputs"].dtype.itemsize == 1
            targets = {
                task.name: Column(
                    arrays[f"{split}-task-{i}"], "label" if task.likelihood == "categorical" else "number"
                )
                for i, task in enumerate(self.tasks)
            }
            splits[split] = Examples(Column(arrays[f"{split}-inputs"], "image" if image else "number"), targets)
        return Dataset(splits, mark)

    def _folder(self, root: Path) -> Path:
        made_of = [
            self.content,
            self.inputs,
            self.split,
            self.val,
            self.test,
            self.group,
            self.standardize,
            self.data_seed,
        ]
        names = [[task.name, task.likelihood, list(task.output_shape)] for task in self.tasks]
        digest = hashlib.sha256(json.dumps([made_of, names]).encode()).hexdigest()[:8]
        return root / "prepared" / f"{self.key}-{self.name}-{digest}"

    def _make(self) -> dict[str, np.ndarray]:
        if not callable(self.source) and self._content_of_file() != self.content:
            raise DataError(
                f"{sources.name_of(self.source)} should hold the data that the sweep was loaded with. It has changed since. "
                "Start the command again."
            )
        inputs, rows = self._inputs, self._rows
        if inputs.dtype != np.uint8:
            train = inputs[rows["train"]]
            mean, std = (train.mean(axis=0), train.std(axis=0)) if self.standardize else (0.0, 1.0)
            inputs = ((inputs - mean) / np.where(np.asarray(std) > 0, std, 1)).astype(np.float32)
        arrays = {f"{split}-inputs": inputs[of_split] for split, of_split in rows.items()}
        for i, task in enumerate(self.tasks):
            target = self._target(task)
            arrays |= {f"{split}-task-{i}": target[of_split] for split, of_split in rows.items()}
        return arrays
