"""Reading what a user has: a .csv, .parquet or .npz file, or a function, as named arrays of equal length."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mtlray.checks import require
from mtlray.data.arrays.files import check_file, read, require_names
from mtlray.errors import DataError, SpecError
from mtlray.reading.causes import guarded

Source = str | Path | Callable[[], Any]
Sources = Mapping[str, Source] | tuple[tuple[str, Source], ...]
"""A source for each task, by its name."""

TASK = "task"
"""The column that says of which of several sources an example is, unless it is named otherwise."""


def located(source: Source | Sources) -> Source | tuple[tuple[str, Source], ...]:
    """The same with absolute paths. Raises SpecError where there is no source."""
    if isinstance(source, Mapping | tuple):
        pairs = tuple(source.items() if isinstance(source, Mapping) else source)
        require(len(pairs) > 0, "source", "name a source for each task", source)
        return tuple((str(name), _located(of_task)) for name, of_task in pairs)
    return _located(source)


def _located(source: Source) -> Source:
    if callable(source):
        return source
    if not isinstance(source, (str, Path)):
        raise SpecError(
            "The source of an ArrayDataset should be the path of a file, a function that returns a dict of arrays or a data "
            f"frame, or a dict with one of these for each task. Found {type(source).__name__}. Of data at hand write a "
            "function, as in `source=lambda: frame`."
        )
    return str(Path(source).expanduser().absolute())


def calls(source: Source | Sources) -> bool:
    """Whether a function of the user's makes any of it."""
    return any(callable(of_task) for _, of_task in source) if isinstance(source, tuple) else callable(source)


def content(source: Source | Sources, arrays: Callable[[], Mapping[str, np.ndarray]]) -> str:
    """16 hex digits over what the data are: bytes of files, or `arrays()` where a function makes any of them.

    Raises DataError and SpecError as `columns` does.
    """
    if calls(source):
        return content_of_arrays(arrays())
    if isinstance(source, tuple):
        found = [f"{name} {content_of_file(Path(str(of_task)))}" for name, of_task in source]
        return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]
    return content_of_file(Path(str(source)))


def columns(source: Source | Sources, task_column: str = "") -> dict[str, np.ndarray]:
    """The arrays of a source by name, each `[example, ...]`; of several one after the other, with a column for their names.

    Raises DataError where it cannot be read, or where several do not fit, and SpecError where it is of another kind.
    """
    if not isinstance(source, Mapping | tuple):
        return _columns(source)
    parts = {name: _columns(of_task) for name, of_task in dict(source).items()}
    first, expected = next(iter(parts.items()))
    for name, part in parts.items():
        shapes, wanted = ({n: list(a.shape[1:]) for n, a in found.items()} for found in (part, expected))
        if shapes != wanted:
            raise DataError(
                f"The sources of all tasks should have the same columns with examples of one shape. Found {wanted} for {first} "
                f"and {shapes} for {name}."
            )
    joined = {column: np.concatenate([part[column] for part in parts.values()]) for column in expected}
    lengths = {name: len(next(iter(part.values()))) for name, part in parts.items()}
    return joined | {task_column: np.repeat(list(lengths), list(lengths.values()))}


def _columns(source: Source) -> dict[str, np.ndarray]:
    found = source() if callable(source) else read(Path(source))
    if hasattr(found, "columns"):  # a data frame
        require_names(map(str, found.columns), name_of(source))
        found = {str(name): found[name].to_numpy() for name in found.columns}
    if not isinstance(found, Mapping) or not found:
        raise SpecError(
            "The function of an ArrayDataset should return a dict of arrays, or a data frame. "
            f"Found {type(found).__name__}."
        )
    arrays = {str(name): _array(values) for name, values in found.items()}
    lengths = {name: len(values) if values.ndim else 0 for name, values in arrays.items()}
    if len(set(lengths.values())) > 1 or not all(lengths.values()):
        raise DataError(
            f"All arrays of a data set should have the same number of examples, at least one. Found {lengths}."
        )
    return arrays


def content_of_file(path: Path) -> str:
    """16 hex digits over a file's bytes. Raises DataError and SpecError as `columns` does."""
    check_file(path)
    with guarded(str(path), "a file that can be read"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def content_of_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """16 hex digits over what a function returned."""
    digest = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        if values.dtype == object and any(isinstance(value, (list, tuple, np.ndarray)) for value in values):
            digest.update(f"{name} sequences {len(values)}".encode())
            for value in map(np.asarray, values):
                digest.update(f"{value.dtype.str} {value.shape}".encode() + value.tobytes())
            continue
        plain = values.astype(str) if values.dtype == object or values.dtype.kind in "mM" else values
        digest.update(f"{name} {plain.dtype.str} {plain.shape}".encode())
        digest.update(np.ascontiguousarray(plain).data)
    return digest.hexdigest()[:16]


def name_of(source: Source | Sources) -> str:
    """A source in words."""
    if isinstance(source, Mapping | tuple):
        return ", ".join(name_of(of_task) for of_task in dict(source).values())
    return f"the function `{getattr(source, '__qualname__', source)}`" if callable(source) else Path(source).name


def _array(values: Any) -> np.ndarray:
    """Values as an array; one of objects where they are lists of unequal lengths."""
    if isinstance(values, (list, tuple)) and len({len(value) for value in values if _is_list(value)}) > 1:
        array = np.empty(len(values), dtype=object)
        array[:] = [np.asarray(value) for value in values]
        return array
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"A column of a data set should be an array `[example, ...]`. Found {error}.") from None


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)
