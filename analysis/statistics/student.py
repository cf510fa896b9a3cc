"""Student: the t distribution for whole degrees of freedom. scipy.special has it too, and takes longer to import than a
table of 10,000 trials takes to compute.
"""

import functools
import math

import numpy as np
from numpy.typing import ArrayLike

from mtlray.analysis.statistics.checks import Floats

_TINY = 1e-300
_STEPS = 1000  # of the continued fraction; it needs some √ν of them


def two_sided_p(t: ArrayLike, freedom: int) -> Floats:
    """P(|T| >= |t|) = I_x(ν/2, 1/2) with x = ν/(ν + t²), for each t; NaN stays NaN (Abramowitz and Stegun 1964, 26.7.1)."""
    square = np.square(np.asarray(t, dtype=np.float64))
    a, b = freedom / 2, 0.5
    x, rest = freedom / (freedom + square), 1 / (1 + freedom / np.maximum(square, _TINY))
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = np.exp(-a * np.log1p(square / freedom) + b * np.log(rest) - log_beta)
    near = x > (a + 1) / (a + b + 2)  # there the fraction converges slowly, and that of the complement fast
    tail = front * _fraction(np.where(near, 0, x), a, b) / a
    middle = front * _fraction(np.where(near, rest, 0), b, a) / b
    result: Floats = np.where(near, 1 - middle, np.where(np.isinf(square), 0, tail))
    return result


@functools.lru_cache(maxsize=64)
def two_sided_quantile(confidence: float, freedom: int) -> float:
    """The t with P(|T| <= t) = confidence, by Newton's method, which cannot overshoot: from 0 on the tail is convex."""
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    t = 0.0
    for _ in range(_STEPS):
        density = math.exp(log_scale - (freedom + 1) / 2 * math.log1p(t * t / freedom))
        step = (float(two_sided_p(t, freedom)) - (1 - confidence)) / (2 * density)
        t += step
        if abs(step) <= 1e-15 * t:
            break
    return t


def normal_tail(z: float) -> float:
    """P(Z <= −z) of the standard normal distribution."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def _fraction(x: Floats, a: float, b: float) -> Floats:
    """The continued fraction of the incomplete beta function, by Lentz's method (Press et al. 2007, section 6.4)."""
    c = np.ones_like(x)
    d = 1 / _apart(1 - (a + b) * x / (a + 1))
    value = d.copy()
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / _apart(1 + even * d), _apart(1 + even / c)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / _apart(1 + odd * d), _apart(1 + odd / c)
        value *= d * c
        if not (np.abs(d * c - 1) > 1e-15).any():
            break
    return value


def _apart(value: Floats) -> Floats:
    return np.where(np.abs(value) < _TINY, _TINY, value)
