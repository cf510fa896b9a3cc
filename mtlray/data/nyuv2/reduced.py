"""NYUv2 at a half, a quarter or an eighth of its height and width, for CPU runs."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from mtlray.data.files.prepared import Writer

_CHUNK = 32  # images


def write_reduced(writer: Writer, arrays: Mapping[str, Tensor], factor: int) -> None:
    """The same arrays smaller: colours are means over squares of `factor` pixels, all else is the value at their middle."""
    for name, tensor in arrays.items():
        array = tensor.numpy()
        if array.ndim < 3:
            writer.whole(name, array)
            continue
        shape = (*array.shape[:-2], array.shape[-2] // factor, array.shape[-1] // factor)
        with writer.rows(name, shape, array.dtype.str) as append:
            for start in range(0, len(array), _CHUNK):
                part = array[start : start + _CHUNK]
                append(_mean(part, factor) if name.endswith("-images") else _middle(part, factor))


def _mean(images: np.ndarray, factor: int) -> np.ndarray:
    n, channels, height, width = images.shape
    squares = images.reshape(n, channels, height // factor, factor, width // factor, factor)
    rounded: np.ndarray = np.rint(squares.mean(axis=(3, 5), dtype=np.float64)).astype(np.uint8)
    return rounded


def _middle(values: np.ndarray, factor: int) -> np.ndarray:
    return np.ascontiguousarray(values[..., factor // 2 :: factor, factor // 2 :: factor])
