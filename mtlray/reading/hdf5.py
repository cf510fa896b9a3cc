"""Arrays in HDF5 files that lie in the file itself: HDF5 can also name other files to read from."""

import math
from pathlib import Path
from typing import Any, Self

import numpy as np

from mtlray.errors import DataError
from mtlray.reading.causes import Cause, ReadError, check_kind, guarded

_EXPECTED = "a whole HDF5 file"
_AT_ONCE = 2**28  # bytes


class HDF5:
    """An HDF5 file, open for reading. Raises ReadError for what is none, and DataError where h5py is not installed."""

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError as error:
            raise DataError(
                "Reading the official NYUv2 file needs h5py. It is not installed. Run `pip install 'mtlray[nyuv2]'`."
            ) from error
        self._shown = f"`{path}`"
        with guarded(self._shown, _EXPECTED):
            with path.open("rb") as file:
                check_kind(file.read(512), ("HDF5", "MATLAB 5"), self._shown, _EXPECTED)  # version 7.3 begins as 5 does
            self._file: Any = h5py.File(path, "r")
            self._dataset, self._hard_link = h5py.Dataset, h5py.HardLink

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, name: str) -> bool:
        with guarded(self._shown, _EXPECTED):
            return name in self._file

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """The shape and the type of an array. Raises ReadError."""
        array = self._array(name)
        with guarded(f"`{name}` in {self._shown}", "an array"):
            return array.shape, array.dtype

    def row(self, name: str, i: int) -> np.ndarray:
        """One row of an array. Raises ReadError."""
        array = self._array(name)
        with guarded(f"Row {i} of `{name}` in {self._shown}", "whole"):
            _refuse_large(array.shape[1:], array.dtype.itemsize)
            row: np.ndarray = np.asarray(array[i])
        return row

    def text(self, name: str, i: int) -> str:
        """The text that the reference at place `i` of an array of references leads to. Raises ReadError."""
        array = self._array(name)
        with guarded(f"Entry {i} of `{name}` in {self._shown}", "a text"):
            _refuse_large(array.shape, array.dtype.itemsize)
            letters = self._file[np.ravel(array)[i]]
            _refuse_large(letters.shape, letters.dtype.itemsize)
            return "".join(map(chr, np.ravel(letters)))

    def _array(self, name: str) -> Any:
        shown = f"`{name}` in {self._shown}"
        with guarded(shown, "an array"):
            found = self._file.get(name)
            if not isinstance(found, self._dataset):
                raise ReadError(shown, "an array", "none", Cause.UNKNOWN_KIND)
            is_own = isinstance(self._file.get(name, getlink=True), self._hard_link)
            if not is_own or found.external or found.is_virtual:
                raise ReadError(shown, "an array of this file", "one of another file", Cause.HOSTILE)
        return found


def _refuse_large(shape: tuple[int, ...], itemsize: int) -> None:
    if math.prod(shape) * itemsize > _AT_ONCE:
        raise ValueError(f"shape {shape}")
