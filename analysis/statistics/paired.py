"""Paired: how two strategies differ on the same seeds, with tests, an effect size and Holm's correction."""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtlray.analysis.statistics.aggregate import ranked
from mtlray.analysis.statistics.checks import Floats, same_shape, scores
from mtlray.analysis.statistics.intervals import CONFIDENCE, Interval, mean_interval
from mtlray.analysis.statistics.student import normal_tail, two_sided_p

_EXACT = 50  # pairs up to which Wilcoxon's null distribution is counted, as scipy does


class Paired(NamedTuple):
    """A comparison of x with y, one number for each column.

    `difference` is the mean of x − y in the metric's own unit, `interval` Student's. `effect_size` is Cohen's
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


def paired(x: ArrayLike, y: ArrayLike, *, confidence: float = CONFIDENCE) -> Paired:
    """Compare x[seed, ...] with y[seed, ...], row by row on the same seeds.

    The t-test is Student's for pairs; Wilcoxon's signed-rank test drops zero differences and is exact up to 50 pairs, ties
    included. Its smallest p is 2/2ⁿ, so with fewer than six pairs it is never below 0.05. Raises ResultsError.
    """
    a, b, d = _differences(x, y)
    n = len(d)
    difference: Floats = d.mean(axis=0)
    interval = mean_interval(d, confidence=confidence)
    if n < 2:
        nothing = np.full_like(difference, np.nan)
        return Paired(n, difference, interval, nothing, nothing, nothing)
    effect, p_t = _student(a, b, d)
    p_wilcoxon = np.where(np.isnan(effect), np.nan, _wilcoxon(d.reshape(n, -1)).reshape(difference.shape))
    return Paired(n, difference, interval, effect, p_t, p_wilcoxon)


def paired_t(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """`difference` and `p_t` of `paired` alone, which take a tenth of the time. Raises ResultsError."""
    a, b, d = _differences(x, y)
    difference: Floats = d.mean(axis=0)
    return difference, _student(a, b, d)[1] if len(d) > 1 else np.full_like(difference, np.nan)


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


def _differences(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats, Floats]:
    a, b = scores(x, "x"), scores(y, "y")
    same_shape(a, b, "Paired scores")
    return a, b, a - b


def _student(a: Floats, b: Floats, d: Floats) -> tuple[Floats, Floats]:
    """Effect size and p of the t-test for pairs; NaN where all differences are equal."""
    n, difference, spread = len(d), d.mean(axis=0), d.std(axis=0, ddof=1)
    # Differences that are equal on paper differ by rounding; a test of that would call anything significant.
    constant = spread <= 1e-12 * np.maximum(np.abs(a).max(axis=0), np.abs(b).max(axis=0))
    effect = np.divide(difference, spread, out=np.full_like(difference, np.nan), where=~constant)
    return effect, two_sided_p(effect * np.sqrt(n), n - 1)


def _wilcoxon(differences: Floats) -> Floats:
    """The two-sided p of Wilcoxon's signed-rank test for each column of differences[seed, column]."""
    largest = np.abs(differences).max(axis=0)
    # 97.3 − 97.2 and 96.5 − 96.4 are a tie that rounding hides.
    whole = np.round(np.divide(differences, 1e-9 * largest, out=np.zeros_like(differences), where=largest > 0))
    # Zeros get the lowest ranks; without them every other rank is lower by their number.
    ranks = np.where(whole == 0, 0, ranked(np.abs(whole)) - (whole == 0).sum(axis=0))
    doubled = np.round(2 * ranks).astype(np.int64)  # mean ranks of ties are halves
    positive = np.where(whole > 0, doubled, 0).sum(axis=0)
    return np.array(
        [_signed_rank_p(d[d > 0], int(p)) for d, p in zip(np.sort(doubled, axis=0).T, positive, strict=True)]
    )


def _signed_rank_p(doubled: NDArray[np.int64], positive: int) -> float:
    """The probability of a sum at least as far from the middle as `positive`, of ranks that are counted or not."""
    if len(doubled) <= _EXACT:
        lower, upper = _tails(doubled.tobytes())
        return float(min(1.0, 2 * min(lower[positive], upper[positive])))
    middle, variance = doubled.sum() / 2, (doubled**2.0).sum() / 4
    return 2 * normal_tail(abs(positive - middle) / math.sqrt(variance))


@functools.lru_cache(maxsize=512)
def _tails(doubled: bytes) -> tuple[Floats, Floats]:
    """P(sum <= s) and P(sum >= s) for each s, each rank being counted with probability 1/2."""
    ranks = np.frombuffer(doubled, dtype=np.int64)
    ways = np.zeros(int(ranks.sum()) + 1)
    ways[0] = 1.0
    for rank in ranks:
        shifted = np.zeros_like(ways)
        shifted[rank:] = ways[:-rank]
        ways = (ways + shifted) / 2
    return np.cumsum(ways), np.cumsum(ways[::-1])[::-1]
