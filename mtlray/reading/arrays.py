"""Arrays in numpy's files: a header that fits the file's size, in this machine's byte order, and never a pickle."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mtlray.reading.causes import Cause, ReadError, check_kind, guarded

_EXPECTED = "an array of numbers in numpy's format"


@dataclass(frozen=True, slots=True)
class Header:
    """What the beginning of an npy file says, and where its values start."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool
    start: int


def read_header(file: BinaryIO) -> Header:
    """The header of an open npy file, which has as many bytes as its shape asks for; the file stands at its values then.

    Raises ValueError, NotImplementedError for other values than numbers, or what numpy raises.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the format, which arrays of numbers do not need")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read(file)
    # One flipped bit makes `<` a `>`, and other numbers of the same bytes.
    if dtype.kind not in "biufc" or not dtype.isnative:
        raise NotImplementedError(f"it holds {dtype.str}")
    if min(shape, default=0) < 0:
        raise ValueError(f"shape {shape}")
    start = file.tell()
    needed, found = math.prod(shape) * dtype.itemsize, os.fstat(file.fileno()).st_size - start
    if needed != found:
        raise ValueError(f"{found:,} bytes of values where its header asks for {needed:,}")
    return Header(shape, dtype, fortran_order, start)


def read_npy(path: Path, kinds: str = "fiu") -> np.ndarray:
    """The array in a file; `kinds` are numpy's letters of the types that it may have. Raises ReadError."""
    shown = f"`{path}`"
    with guarded(shown, _EXPECTED), path.open("rb") as file:
        check_kind(file.read(512), ("npy",), shown, _EXPECTED)
        file.seek(0)
        header = read_header(file)
        if header.dtype.kind not in kinds:
            raise ReadError(shown, _EXPECTED, f"it holds {header.dtype}", Cause.UNKNOWN_KIND)
        values = np.fromfile(file, header.dtype, math.prod(header.shape))
        array: np.ndarray = values.reshape(header.shape, order="F" if header.fortran_order else "C")
    return array
