"""Chance: which cells the seeds tell apart from the best constant prediction."""

import math

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import Grid
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.statistics import holm
from mtlray.analysis.statistics.student import two_sided_p

ALPHA = 0.05


def above_chance(grid: Grid, scores: Scores) -> NDArray[np.bool_]:
    """[strategy, column]: is the mean better than the best constant prediction, or is that not known?

    One-sided t-tests against that number at the level ALPHA, after Holm's correction for all cells of the table. One seed shows
    nothing.
    """
    trivial = np.array([grid.trivial.get(column.measure, math.nan) for column in scores.columns])
    sign = np.where(scores.higher_is_better, 1.0, -1.0)
    lead = (scores.values - trivial) * sign
    finite = np.isfinite(lead)
    n = finite.sum(axis=0)
    mean = np.where(finite, lead, 0.0).sum(axis=0) / np.maximum(n, 1)
    square = np.where(finite, (lead - mean) ** 2, 0.0).sum(axis=0) / np.maximum(n - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = mean / np.sqrt(square / np.maximum(n, 1))
    half = two_sided_p(t, np.maximum(n - 1, 1)) / 2
    p = np.where((n > 1) & (mean > 0), half, 1.0)
    tested = np.where((scores.expected > 0) & np.isfinite(trivial), p, math.nan)
    return np.asarray((holm(tested) <= ALPHA) | ~np.isfinite(trivial))
