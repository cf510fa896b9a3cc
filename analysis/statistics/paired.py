"""Paired: what differs between two strategies on the same seeds, with tests, an effect size and Holm's correction."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from analysis.statistics.bootstrap import CONFIDENCE, RESAMPLES, Interval, mean_interval
from analysis.statistics.checks import Floats, same_shape, scores

_EXACT = 50  # pairs up to which Wilcoxon's null distribution is counted, as scipy does


class Paired(NamedTuple):
    """A comparison of x with y, one number for each column.

    `difference` is the mean of x − y in the metric's own unit, `interval` its bootstrap interval. `effect_size` is Cohen's
    d_z, the mean difference over the standard deviation (ddof 1) of the differences (Lakens 2013, equation 6). `p_t` and
    `p_wilcoxon` are two-sided. All but `difference` are NaN for a single pair; p and d_z also where all differences are
    equal, which leaves nothing to compare them with.
    """

    n: int
    difference: Floats
    interval: Interval
    effect_size: Floats
    p_t: Floats
    p_wilcoxon: Floats


def paired(
    x: ArrayLike, y: ArrayLike, *, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> Paired:
    """Compare x[seed, ...] with y[seed, ...], row by row on the same seeds.

    The t-test is Student's for pairs; Wilcoxon's signed-rank test drops zero differences and is exact up to 50 pairs, ties
    included. Its smallest p is 2/2ⁿ, so with fewer than six pairs it is never below 0.05. Raises ResultsError.
    """
    a, b = scores(x, "x"), scores(y, "y")
    same_shape(a, b, "Paired scores")
    n = len(a)
    d = a - b
    difference: Floats = d.mean(axis=0)
    interval = mean_interval(d, confidence=confidence, resamples=resamples, seed=seed)
    if n < 2:
        nothing = np.full_like(difference, np.nan)
        return Paired(n, difference, interval, nothing, nothing, nothing)
    spread = d.std(axis=0, ddof=1)
    # Differences that are equal on paper differ by rounding; a test of that would call anything significant.
    constant = spread <= 1e-12 * np.maximum(np.abs(a).max(axis=0), np.abs(b).max(axis=0))
    effect = np.divide(difference, spread, out=np.full_like(difference, np.nan), where=~constant)
    p_t: Floats = 2 * special.stdtr(n - 1, -np.abs(effect) * np.sqrt(n))
    columns = d.reshape(n, -1).T
    flat = [np.nan if skip else _wilcoxon(c) for c, skip in zip(columns, np.ravel(constant), strict=True)]
    return Paired(n, difference, interval, effect, p_t, np.reshape(flat, difference.shape))


def holm(p_values: ArrayLike) -> Floats:
    """P-values adjusted for being many (Holm 1979): reject what is at most alpha, and the family-wise error is alpha.

    Of m values in ascending order the i-th becomes the largest of min(1, (m − j + 1) · p_j) for j <= i. NaN, a test that
    could not be made, stays NaN and is not counted.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p, axis=None)[: int(np.isfinite(p).sum())]  # NaN sorts last
    factors = np.arange(len(order), 0, -1)
    adjusted.flat[order] = np.minimum(1.0, np.maximum.accumulate(factors * p.flat[order]))
    return adjusted


def _wilcoxon(differences: Floats) -> float:
    """The two-sided p of Wilcoxon's signed-rank test."""
    largest = np.abs(differences).max()
    # 97.3 − 97.2 and 96.5 − 96.4 are a tie that rounding hides.
    whole = np.round(differences / (1e-9 * largest))
    d = whole[whole != 0]
    if len(d) > _EXACT:
        return float(stats.wilcoxon(d, method="asymptotic").pvalue)
    doubled = np.round(2 * stats.rankdata(np.abs(d))).astype(np.int64)  # mean ranks of ties are halves
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(ways)
        shifted[rank:] = ways[:-rank]
        ways = (ways + shifted) / 2
    positive = int(doubled[d > 0].sum())
    lower, upper = ways[: positive + 1].sum(), ways[positive:].sum()
    return float(min(1.0, 2 * min(lower, upper)))
