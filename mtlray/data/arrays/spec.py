"""ArrayDataset: a table or arrays of your own, with one line for each task."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from mtlray.data.arrays import sources, splitting
from mtlray.data.arrays.columns import ColumnsDataset
from mtlray.data.arrays.sources import Source
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

    source: Source = field(metadata={"identity": False})
    split: str | None = None

    key: ClassVar[str] = "array"

    def _settle(self) -> None:
        if not callable(self.source):
            object.__setattr__(self, "source", str(Path(self.source).expanduser().absolute()))

    def _source_name(self) -> str:
        return sources.name_of(self.source)

    def _read(self) -> dict[str, np.ndarray]:
        return sources.columns(self.source)

    def _content(self) -> str:
        return sources.content_of_arrays(self._columns) if callable(self.source) else self._content_of_file()

    def _content_of_file(self) -> str:
        return sources.content_of_file(Path(str(self.source)))

    def _split_column(self) -> str | None:
        return self.split

    def _draw_rows(self) -> dict[SplitName, np.ndarray]:
        if self.split is not None:
            return splitting.by_column(self._column(self.split, "the split"), self.split)
        n = len(next(iter(self._columns.values())))
        return splitting.at_random(n, self.val, self.test, self._groups(), self.data_seed)

    def _check_unchanged(self) -> None:
        if not callable(self.source) and self._content_of_file() != self.content:
            raise DataError(
                f"{sources.name_of(self.source)} should hold the data that the sweep was loaded with. It has changed since. "
                "Start the command again."
            )
