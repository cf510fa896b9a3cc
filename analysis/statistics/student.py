"""Student: the t distribution, for arrays, and what a paired test of it can find."""

import functools

import numpy as np
from numpy.typing import ArrayLike
from scipy import special  # scipy.stats has the same and takes three times longer to import

from mtlray.analysis.statistics.checks import Floats

POWER = 0.8


def two_sided_p(t: ArrayLike, freedom: ArrayLike) -> Floats:
    """P(|T| >= |t|) for each t; NaN stays NaN."""
    result: Floats = 2 * special.stdtr(freedom, -np.abs(np.asarray(t, dtype=np.float64)))
    return result


def two_sided_quantile(confidence: ArrayLike, freedom: ArrayLike) -> Floats:
    """The t with P(|T| <= t) = confidence."""
    result: Floats = special.stdtrit(freedom, (1 + np.asarray(confidence)) / 2)
    return result


def normal_tail(z: float) -> float:
    """P(Z <= −z) of the standard normal distribution."""
    return float(special.ndtr(-z))


@functools.lru_cache(maxsize=64)
def detectable(n: int, alpha: float, power: float = POWER) -> float:
    """The mean difference, in standard deviations of the differences, that a two-sided paired t-test finds with `power`.

    `n` is the number of pairs, `alpha` the level of one test, after a correction for many. NaN for fewer than two pairs.
    """
    if n < 2:
        return float("nan")
    bar = float(two_sided_quantile(1 - alpha, n - 1))
    return float(special.nctdtrinc(n - 1, 1 - power, bar) / np.sqrt(n))
