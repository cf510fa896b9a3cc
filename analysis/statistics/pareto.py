"""Pareto: which strategies are at least as good on every task and better on one; all columns oriented, higher is better."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtlray.analysis.statistics.checks import scores


def dominates(points: ArrayLike) -> NDArray[np.bool_]:
    """For points[strategy, task] the matrix [strategy, other]: is it nowhere worse than the other, and somewhere better?

    Raises ResultsError for points that are not finite.
    """
    p = scores(points, "points")
    nowhere_worse = np.all(p[:, None] >= p[None], axis=-1)
    return np.asarray(nowhere_worse & np.any(p[:, None] > p[None], axis=-1))


def pareto_front(points: ArrayLike) -> NDArray[np.bool_]:
    """For points[strategy, task]: whether no other strategy dominates it. Raises ResultsError."""
    return np.asarray(~dominates(points).any(axis=0))
