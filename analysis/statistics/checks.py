"""Checks of the arrays that statistics are made from."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtlray.errors import ResultsError

Floats = NDArray[np.float64]


def scores(values: ArrayLike, name: str = "scores") -> Floats:
    """The values as an array whose first axis is the seed. Raises ResultsError where there are none, or not finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0 or array.shape[0] == 0:
        found = "a single number" if array.ndim == 0 else "none"
        raise ResultsError(f"`{name}` should hold at least one seed, along its first axis. Found {found}.")
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise ResultsError(
            f"`{name}` should be finite. Found {count} of {array.size} values that are not. Leave them out, and say so."
        )
    return array


def same_shape(x: Floats, y: Floats, what: str) -> None:
    """Raises ResultsError where two arrays are not of one shape."""
    if x.shape != y.shape:
        raise ResultsError(f"{what} should have one shape. Found {list(x.shape)} and {list(y.shape)}.")


def signs(higher_is_better: ArrayLike, count: int) -> Floats:
    """+1 for each of `count` columns where higher is better, else −1; one flag speaks for all. Raises ResultsError."""
    flags = np.asarray(higher_is_better, dtype=bool)
    if flags.ndim == 0:
        flags = np.full(count, bool(flags))
    if flags.shape != (count,):
        raise ResultsError(f"`higher_is_better` should have one flag for each of {count} columns. Found {flags.size}.")
    return np.where(flags, 1.0, -1.0)
