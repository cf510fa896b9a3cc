"""Pairs: which of several strategies the seeds can tell apart, and so which may be the best and what ranks are possible."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtlray.analysis.statistics.checks import Floats, scores
from mtlray.analysis.statistics.student import two_sided_quantile


def beaten(values: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Of values[seed, strategy, column], higher is better: is [strategy, column] beaten by [other]? As [strategy, other, column].

    Each pair is a one-sided t-test on the same seeds at level `alpha`; nothing is beaten where all differences are equal, or
    where there is one seed. Raises ResultsError.
    """
    array = scores(values, "values")
    return _leads(array) > _bar(alpha, len(array))


def _leads(array: Floats) -> Floats:
    """By how many of their standard deviations the differences of [other] from [strategy] lie above zero, for each column."""
    n, k, columns = array.shape
    found = np.zeros((k, k, columns))
    for j in range(columns if n > 1 else 0):
        x = array[:, :, j]
        lead = x[:, None, :] - x[:, :, None]  # [seed, strategy, other]
        mean = lead.mean(axis=0)
        lead -= mean
        spread = np.sqrt(np.einsum("sio,sio->io", lead, lead) / (n - 1))
        # Differences that are equal on paper differ by rounding; a test of that would call anything significant.
        varies = spread > 1e-12 * np.abs(x).max()
        np.divide(mean, spread, out=found[:, :, j], where=varies)
    return found


def _bar(alpha: float, n: int) -> float:
    """The lead from which on a one-sided paired t-test at level `alpha` decides."""
    return float(two_sided_quantile(1 - 2 * alpha, n - 1)) / n**0.5 if n > 1 else np.inf


def best_sets(values: ArrayLike, *, columns: int | None = None, alpha: float = 0.05) -> NDArray[np.bool_]:
    """[strategy, column]: who may be the best of values[seed, strategy, column], higher is better.

    The sets hold the true best with probability 1 − alpha, all columns together. Out is who is beaten by another at level
    alpha / ((k − 1) · columns): the true best of a column stands k − 1 tests, each of which errs with that probability (Gupta
    1965, with paired t-tests for normal differences of any spread, and Bonferroni's bound). A column in which no two strategies
    are apart at alpha / (k · (k − 1) · columns) has everybody, so that strategies that are all alike are told apart with
    probability alpha at most. `columns` counts those of the whole table (default: these). Raises ResultsError.
    """
    return sets_and_bounds(values, columns=columns, alpha=alpha)[0]


def rank_bounds(values: ArrayLike, *, columns: int | None = None, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """The lowest and highest rank that each [strategy, column] may truly have, 1 for the best.

    For one strategy they hold over all columns together with probability 1 − alpha: 1 + those that beat it, and k − those that it
    beats, at half the level of `best_sets` (Al Mohamad et al. 2022). Raises ResultsError.
    """
    return sets_and_bounds(values, columns=columns, alpha=alpha)[1:]


def sets_and_bounds(
    values: ArrayLike, *, columns: int | None = None, alpha: float = 0.05
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """What `best_sets` and `rank_bounds` give, from one look at all pairs. Raises ResultsError."""
    k, total = _size(values, columns)
    array = scores(values, "values")
    leads = _leads(array)
    worst = leads.max(axis=1)
    apart = worst.max(axis=0) > _bar(alpha / (k * total), len(array))
    kept = np.asarray((worst <= _bar(alpha / total, len(array))) | ~apart)
    found = leads > _bar(alpha / 2 / total, len(array))
    low: Floats = 1.0 + found.sum(axis=1)
    high: Floats = k - found.sum(axis=0).astype(np.float64)
    return kept, low, high


def _size(values: ArrayLike, columns: int | None) -> tuple[int, int]:
    """The number of strategies, and of the tests that one of them stands in all columns."""
    _, k, own = np.asarray(values).shape
    return k, max(1, (k - 1) * (own if columns is None else columns))
