"""Reading a .csv, .parquet or .npz file that a user has as named arrays."""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mtlray.errors import DataError, SpecError
from mtlray.reading.causes import guarded

_ENDINGS = (".csv", ".csv.gz", ".parquet", ".npz")


def check_file(path: Path) -> None:
    """Raise SpecError for a file of another kind, and DataError where there is none."""
    if not path.name.lower().endswith(_ENDINGS):
        raise SpecError(
            f"An ArrayDataset reads files that end in {', '.join(_ENDINGS)}, or a function. Found `{path}`."
        )
    if not path.is_file():
        raise DataError(
            f"The data of an ArrayDataset should be the file {path}. Found none. Check the path; one that is relative starts "
            "at the folder in which the command runs, and `Path(__file__).with_name(...)` at the sweep file's."
        )


def read(path: Path) -> Mapping[str, Any]:
    """The columns of a file by name. Raises DataError where it is damaged, and SpecError as `check_file` does."""
    check_file(path)
    name = path.name.lower()
    if name.endswith(".npz"):
        return _arrays(path)
    frame = _parquet(path) if name.endswith(".parquet") else _csv(path)
    return {str(column): frame[column].to_numpy() for column in frame.columns}


def require_names(names: Iterable[str], where: str) -> None:
    """Raise DataError where two columns have one name: it could not be told which of them is meant."""
    twice = [name for name, number in Counter(names).items() if number > 1 and name.strip()]
    if twice:
        raise DataError(
            f"Each column of {where} should have a name of its own. Found `{twice[0]}` more than once. Rename one of them."
        )


def _arrays(path: Path) -> Mapping[str, Any]:
    with guarded(str(path), "a readable npz file"), path.open("rb") as opened, np.load(opened) as file:
        try:
            return {key: file[key] for key in file.files}
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            raise DataError(
                f"{path} should hold arrays of numbers or texts. Found one of Python objects. Save it again with a type, such as "
                "`numpy.array(values, dtype=float)`, where None is NaN."
            ) from None


def _parquet(path: Path) -> Any:
    import pandas as pd

    with guarded(str(path), "a readable parquet file"):
        return pd.read_parquet(path)


def _csv(path: Path) -> Any:
    """The table in a csv; pandas alone would rename columns of one name, and take a first column without a name for an index."""
    import pandas as pd

    expected = f"a readable {path.name.lower().rpartition('.')[2]} file"
    with guarded(str(path), expected):
        content = gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} should be a csv in UTF-8. Found bytes that are not, the first at place {error.start}. Save it as UTF-8, or "
            'let a function return `pandas.read_csv(PATH, encoding="latin-1")`.'
        ) from None
    header = next(filter(None, csv.reader(io.StringIO(text))), [])
    if not any(header):
        raise DataError(f"{path} should begin with a line of column names. Found none.")
    require_names(header, path.name)
    with guarded(str(path), expected):
        frame = pd.read_csv(io.StringIO(text), low_memory=False)
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(
            f"Each line of {path} should have as many values as there are column names. Found {len(header)} names and "
            f"{len(header) + frame.index.nlevels} values in a line. Name each column, or remove a separator at the end of lines."
        )
    return frame
