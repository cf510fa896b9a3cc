"""Pickles that hold arrays and names alone. What a pickle calls is never called: arrays are made here of what it says about them.

A pickle can name any function. numpy's own can end the process where a bit is flipped, and the reader in C makes room for
whatever place in its memo a pickle names, 32 GB for one flipped bit.
"""

import io
import math
import pickle
import struct
from typing import Any, ClassVar

import numpy as np

from mtlray.reading.causes import guarded

_PIECE = 2**20


def read_arrays(stream: io.BufferedIOBase, name: str) -> Any:
    """The dict that a pickle holds, written by Python 2 or 3; `name` is the file's in backticks. Raises ReadError.

    The stream is read to its end, where what it is compressed with has its checksum.
    """
    with guarded(name, "a pickle of arrays"):
        content = _ArraysOnly(stream, encoding="latin1").load()
        while stream.read(_PIECE):
            pass
        if not isinstance(content, dict):
            raise TypeError(f"a {type(content).__name__} and no dict")
        return {key: value.array() if isinstance(value, _Array) else value for key, value in content.items()}


class _DType:
    """A type of numbers or letters, as a pickle tells it in two parts: its name, then its byte order."""

    def __init__(self, name: str, *_: object) -> None:
        self.dtype = np.dtype(name)
        if self.dtype.kind not in "biufSU":
            raise ValueError(f"an array of {name}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array, as a pickle tells it in two parts: that it is one, then its shape, type, order and bytes."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state[1:]  # without the version of this tuple

    def array(self) -> np.ndarray:
        """Raises ValueError or TypeError where the parts do not fit."""
        shape, of_type, fortran_order, content = self.state
        if isinstance(content, str):  # of Python 2
            content = content.encode("latin1")
        n, dtype = math.prod(shape), of_type.dtype
        if min(shape, default=0) < 0 or len(content) != n * dtype.itemsize:
            raise ValueError(f"{len(content):,} bytes for an array of {dtype} and shape {shape}")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran_order else "C")


def _from_buffer(content: bytes, of_type: _DType, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, of_type, order == "F", content))
    return array


def _encode(text: str, code: str) -> bytes:
    if code not in ("latin1", "latin-1"):
        raise ValueError(f"letters in {code}")
    return text.encode("latin1")


class _ArraysOnly(pickle._Unpickler):
    def load_bytearray8(self) -> None:
        """As bytes: Python makes room for as many as the pickle says before it reads them."""
        (size,) = struct.unpack("<Q", self.read(8))  # type: ignore[attr-defined]
        self.append(self.read(size))  # type: ignore[attr-defined]

    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: load_bytearray8}
    # What pickles of arrays name, and what stands for it here.
    known: ClassVar = {
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.numeric", "_frombuffer"): _from_buffer,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _DType,
        ("_codecs", "encode"): _encode,
        ("__builtin__", "bytes"): lambda: b"",
    }

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core.", "numpy._core.")  # as it was called before numpy 2
        if (module, name) not in self.known:
            raise pickle.UnpicklingError(f"{module}.{name}, which is no array")
        return self.known[module, name]
