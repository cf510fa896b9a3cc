"""ArrayDataset: a table or arrays of your own, with one line for each task."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from mtlray.data.arrays import sources, splitting
from mtlray.data.arrays.columns import ColumnsDataset
from mtlray.data.arrays.sources import Source, Sources
from mtlray.data.base import SplitName
from mtlray.errors import DataError


@dataclass(frozen=True, kw_only=True)
class ArrayDataset(ColumnsDataset):
    """A data set from a .csv, .parquet or .npz file, or from a function that returns named arrays or a data frame.

    Each of `tasks` reads the column of its own name: classes as numbers from 0 (binary: 0 and 1), negative or empty where there
    is no label; numbers, empty or NaN where there is none. `inputs` name the columns that the network reads, or one array; by
    default `x` where there is one, else all other columns. Inputs of uint8 with two or three axes an example are images,
    `[example, (channel,) row, column]`, read as pixels in [0, 1]; all others are numbers, standardised by the mean and
    standard deviation of the training examples unless `standardize` is off, and so are the labels of regressions.

    With `tokens` the one input is a column of texts: "words" cuts them, in lower case, into runs of letters and digits and
    single other signs, "characters" takes each character, and "ids" is for lists of integers from a tokenizer of your own. The
    `vocabulary` has the tokens of the training examples, at most `max_vocabulary`, and any other token is the same unknown one;
    an example is cut after `max_length` tokens, and padded where it is shorter. `TextEncoder` is a model for these.

    `split` names a column that holds train, val or test. Without it `val` and `test` are shares or numbers of examples, drawn
    with `data_seed`; `group` names a column whose equal values stay in one split. What the data are is part of a trial's
    identity, by a hash of the file's bytes or of the function's arrays, and where they lie is not. Raises SpecError and
    DataError.

    Where each task has examples of its own, `task_column` names the column that says whose an example is, by the task's name,
    and `label_column` that with its label. Several sources, `{"amazon": "amazon.npz", "webcam": "webcam.npz"}`, one for each
    task, have that column by themselves. Shares are then of each task's examples; see docs/adding-a-dataset.md.

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

    source: Source | Sources = field(metadata={"identity": False})
    split: str | None = None
    task_column: str | None = field(default=None, metadata={"neutral": None})
    label_column: str = field(default="label", metadata={"neutral": "label"})

    key: ClassVar[str] = "array"

    def _settle(self) -> None:
        object.__setattr__(self, "source", sources.located(self.source))
        if isinstance(self.source, tuple):
            object.__setattr__(self, "task_column", self.task_column or sources.TASK)

    def _source_name(self) -> str:
        return sources.name_of(self.source)

    def _read(self) -> dict[str, np.ndarray]:
        return sources.columns(self.source, self.task_column or "")

    def _content(self) -> str:
        return sources.content(self.source, lambda: self._columns)

    def _split_column(self) -> str | None:
        return self.split

    def _own_columns(self) -> tuple[str, str] | None:
        return None if self.task_column is None else (self.task_column, self.label_column)

    def _made_of(self) -> list[Any]:
        return [*super()._made_of(), *(self._own_columns() or ())]

    def _draw_rows(self) -> dict[SplitName, np.ndarray]:
        if self.split is not None:
            return splitting.by_column(self._column(self.split, "the split"), self.split)
        n = len(next(iter(self._columns.values())))
        groups = self._groups()
        kinds = self._task_of if groups is None else None
        return splitting.at_random(n, self.val, self.test, groups, self.data_seed, kinds)

    def _check_unchanged(self) -> None:
        again = sources.content(self.source, self._read)  # called anew: the columns that are kept would be the same
        if again == self.content:
            return
        if sources.calls(self.source):
            raise DataError(
                f"{sources.name_of(self.source)} should return the same data each time and on each machine. Found others than "
                "those that the sweep was loaded with. Draw random numbers from a generator with a fixed seed, as in "
                "`numpy.random.default_rng(0)`, and read files that do not change."
            )
        raise DataError(
            f"{sources.name_of(self.source)} should hold the data that the sweep was loaded with. It has changed since. "
            "Start the command again."
        )
