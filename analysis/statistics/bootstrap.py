"""Bootstrap: confidence intervals from resampled seeds, by the expanded percentile method.

The plain percentile interval is too narrow for few seeds: resampling n values shrinks their variance by (n − 1)/n, and a
normal quantile stands where Student's would be right. On normal data it covers 91 % at n = 10 instead of 95 %. Hesterberg
(2015, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), section 5.2) takes wider
percentiles, α'/2 = Φ(−√(n/(n − 1)) · t(1 − α/2; n − 1)), of the same resamples. That works for any statistic.

Coverage of nominal 95 % intervals of a mean, measured over 4,000 repetitions:

    n             2    3    4    5    6    7    8   10   20   30
    normal       50   75   88   92   93   94   94   95   95   95
    uniform      49   74   87   92   94   94   94   96   95   95
    exponential  46   70   82   86   89   88   89   91   93   93

A resampled mean never leaves the range of its data, which holds the true mean of n = 3 normal values 75 % of the time: no
resampling interval can do better there. From five seeds on the interval means what it says, for data that is not very skew.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mtlray.analysis.statistics.checks import Floats, scores
from mtlray.analysis.statistics.student import normal_tail, two_sided_quantile

CONFIDENCE = 0.95
RESAMPLES = 2000
_CHUNK = 2**21  # numbers drawn at a time, so that memory stays small


class Interval(NamedTuple):
    """The two ends of a confidence interval, each of the statistic's shape; NaN where there is a single seed."""

    low: Floats
    high: Floats


def mean_interval(
    values: ArrayLike, *, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The interval of the mean over seeds, for each column of values[seed, ...]. Raises ResultsError."""
    array = scores(values, "values")
    n = len(array)
    if n < 2 or not array.size:
        return _nothing(array[0])
    flat = array.reshape(n, -1).T
    counts, size = _counts(n, resamples, seed).T, max(1, _CHUNK // resamples)
    parts = [_ends(flat[i : i + size] @ counts / n, _tail(n, confidence)) for i in range(0, len(flat), size)]
    low, high = (np.concatenate(ends).reshape(array.shape[1:]) for ends in zip(*parts, strict=True))
    return Interval(low, high)


def interval_of_means(
    statistic: Callable[[Floats], Floats],
    values: ArrayLike,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The interval of a function of means over seeds, such as Δm.

    values[seed, ...] are resampled together, so a strategy and its baseline that share seeds are one array and the
    baseline's uncertainty is part of the interval. `statistic` maps means[resample, ...] to [resample, *out]. Raises
    ResultsError for values that are not finite.
    """
    array = scores(values, "values")
    n = len(array)
    if n < 2:
        return _nothing(statistic(array.mean(axis=0, keepdims=True))[0])
    flat = array.reshape(n, -1)
    counts, parts, drawn = _counts(n, resamples, seed), [], 0
    for size in _sizes(resamples, flat.shape[1]):
        means = counts[drawn : drawn + size] @ flat
        means /= n
        parts.append(statistic(means.reshape(size, *array.shape[1:])))
        drawn += size
    return _ends(_resamples_last(parts), _tail(n, confidence))


def published_interval(mean: ArrayLike, std: ArrayLike, n: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Student's interval of a mean, from the standard deviation over `n` >= 2 runs, as papers print them."""
    half = two_sided_quantile(confidence, n - 1) * np.asarray(std, dtype=np.float64) / np.sqrt(n)
    centre = np.asarray(mean, dtype=np.float64)
    return Interval(centre - half, centre + half)


@functools.lru_cache(maxsize=8)
def _counts(n: int, resamples: int, seed: int) -> Floats:
    """How often each of n seeds is in each resample [resample, seed]; the same for every table that has these seeds."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    counts.flags.writeable = False
    return counts


def _sizes(resamples: int, numbers: int) -> Sequence[int]:
    """How many resamples to draw at a time."""
    size = max(1, min(resamples, _CHUNK // max(numbers, 1)))
    return [size] * (resamples // size) + ([resamples % size] if resamples % size else [])


def _tail(n: int, confidence: float) -> float:
    """The share of the resampled means of n seeds that lies beyond either end of the interval."""
    return normal_tail(math.sqrt(n / (n - 1)) * two_sided_quantile(confidence, n - 1))


def _nothing(like: Floats) -> Interval:
    return Interval(np.full_like(like, np.nan), np.full_like(like, np.nan))


def _resamples_last(parts: Sequence[Floats]) -> Floats:
    return np.ascontiguousarray(np.moveaxis(np.concatenate(parts), 0, -1))


def _ends(resampled: Floats, tail: float) -> Interval:
    """The percentiles of resampled statistics [*out, resample] that leave `tail` at either end; reorders `resampled`."""
    count = resampled.shape[-1]
    place = tail * (count - 1)
    below = min(math.floor(place), count - 2)
    # A partition at the four places that are needed is several times faster than a sort.
    resampled.partition(sorted({below, below + 1, count - 1 - below, count - 2 - below}), axis=-1)

    def at(i: int) -> Floats:
        return np.asarray(resampled[..., i])

    rest = place - below
    low = np.asarray(at(below) + rest * (at(below + 1) - at(below)))
    high = np.asarray(at(count - 1 - below) - rest * (at(count - 1 - below) - at(count - 2 - below)))
    return Interval(low, high)
