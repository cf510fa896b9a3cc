"""Pickles that hold arrays and names alone: a pickle can name any function, and these are run by none."""

import io
import pickle
from typing import Any, ClassVar

from mtlray.reading.causes import guarded

_PIECE = 2**20

# What arrays and names are made of.
_ARRAYS = frozenset(
    {
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }
)


def read_arrays(stream: io.BufferedIOBase, name: str) -> Any:
    """What a pickle holds, written by Python 2 or 3; `name` is the file's in backticks. Raises ReadError.

    The stream is read to its end, where what it is compressed with has its checksum.
    """
    with guarded(name, "a pickle of arrays"):
        content = _ArraysOnly(stream, encoding="latin1").load()
        while stream.read(_PIECE):
            pass
    return content


class _ArraysOnly(pickle._Unpickler):
    """In Python: the reader in C makes room for whatever place in its memo a pickle names, 32 GB for one flipped bit."""

    dispatch: ClassVar = {
        code: load for code, load in pickle._Unpickler.dispatch.items() if code != pickle.BYTEARRAY8[0]
    }

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core.", "numpy._core.")  # as it was called before numpy 2
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f"{module}.{name}, which is no array")
        return super().find_class(module, name)
