"""Weights of alpha-fair bargaining between the tasks: a small convex problem, solved by Newton's method.

For two tasks it is one equation in one variable, and Nash bargaining has a formula.
"""

import math

import numpy as np

from mtlray.errors import StrategyError
from mtlray.strategies.gramian import Matrix, Vector

_STEPS = 200
_TOLERANCE = 1e-8
_EXACT = 1e-13
_ROUNDING = 1e-4
_CANCELLED = 1e-8
_WIDEST = 700.0  # exp(709) is the largest float64
_SOUGHT = "positive weights a that solve (G a) a^(1/alpha) = 1 for the Gramian G of the tasks' gradients"


def alpha_fair(gramian: Matrix, alpha: float) -> Vector:
    r"""Positive weights a with :math:`(G a)_k\, a_k^{1/\alpha} = 1` for every task k; zero for a task without a gradient.

    They are the minimum of the strictly convex :math:`\frac{1}{2} a^\top G a - \sum_k a_k^{1-q} / (1-q)`, :math:`q = 1/\alpha`
    (a logarithm at q = 1), which exists unless the gradients have a sum of zero with weights that are not negative. Raises
    StrategyError where the equations do not hold to 1e-8, and where the direction is shorter than 1e-4 of the terms in it.
    """
    q, present = 1 / alpha, np.diag(gramian) > 0
    weights = np.zeros(len(gramian))
    if not present.any():
        return weights
    if len(gramian) == 2 and present.all():
        return _of_two(float(gramian[0, 0]), float(gramian[0, 1]), float(gramian[1, 1]), q)
    inner = gramian[np.ix_(present, present)]
    unit = np.diag(inner).max()
    # In units of the solution for orthogonal gradients, so that gradients of very different lengths are as easy as equal ones.
    scale = (np.diag(inner) / unit) ** (-1 / (1 + q))
    with np.errstate(all="ignore"):
        solution = _newton(inner / unit * np.outer(scale, scale), scale ** (1 - q), q)
    weights[present] = solution * scale * unit ** (-1 / (1 + q))
    return weights


def _newton(quadratic: Matrix, share: Vector, q: float) -> Vector:
    """Minimise x'Qx / 2 - sum(share * x^(1-q) / (1-q)) over x > 0, from the solution for a diagonal Q."""
    x = best = np.ones(len(quadratic))
    residual = smallest = np.inf
    for _ in range(_STEPS):
        before = residual
        gradient = quadratic @ x - share * x**-q
        # An equation whose two sides are far smaller than the terms in it can hold to rounding of these terms alone.
        residual = (np.abs(gradient) / (share * x**-q + _ROUNDING * (np.abs(quadratic) @ x))).max()
        if residual < smallest:
            smallest, best = residual, x
        at_rest = before <= _TOLERANCE and residual > 0.5 * before  # rounding is left
        if not np.isfinite(residual) or residual <= _EXACT or at_rest:
            break
        curvature = quadratic + np.diag(q * share * x ** (-q - 1))
        even = 1 / np.sqrt(np.diag(curvature))
        try:
            step = even * np.linalg.solve(curvature * np.outer(even, even), -even * gradient)
        except np.linalg.LinAlgError:  # singular up to rounding: the weights are on their way to infinity
            break
        shrinks = step < 0
        length = min(1.0, 0.99 * np.min(-x[shrinks] / step[shrinks])) if shrinks.any() else 1.0
        value, noise = _value(quadratic, share, q, x)
        slope = gradient @ step
        while (
            length > _EXACT
            and _value(quadratic, share, q, x + length * step)[0] > value + 1e-4 * length * slope + noise
        ):
            length *= 0.5
        x = x + length * step
    return _checked(best, smallest, float(best @ quadratic @ best), float(np.abs(quadratic) @ best @ best))


def _value(quadratic: Matrix, share: Vector, q: float, x: Vector) -> tuple[float, float]:
    """The objective, and how far rounding may move it: where gradients nearly cancel, much further than its own size says."""
    terms = share * (np.log(x) if q == 1 else x ** (1 - q) / (1 - q))
    noise = 1e-15 * (float(np.abs(quadratic) @ x @ x) + float(np.abs(terms).sum()))
    return 0.5 * float(x @ quadratic @ x) - float(terms.sum()), noise


def _of_two(first: float, product: float, second: float, q: float) -> Vector:
    r"""The weights for two gradients, from the ratio of the terms :math:`a_k g_k` in length, by its logarithm :math:`v`.

    With :math:`c` the cosine of the gradients the ratio of the two equations is
    :math:`(1 + q) v + \log(1 + c e^{-v}) - \log(1 + c e^v) = (q - 1) \log(|g_2| / |g_1|)`, whose left side rises with a slope
    of q at least. At q = 1 the root is zero and :math:`a_k = 1 / (|g_k| \sqrt{1 + c})`, in closed form. Plain floats, because
    a call of numpy's costs more than all of this.
    """
    lengths = math.sqrt(first), math.sqrt(second)
    cosine = min(1.0, max(-1.0, product / lengths[0] / lengths[1]))
    if 1 + cosine <= _CANCELLED * (1 - cosine):
        raise _cancelled()
    target = (q - 1) * (math.log(lengths[1]) - math.log(lengths[0]))
    v = _log_ratio(cosine, q, target)
    ratios, gains = (math.exp(v), math.exp(-v)), _gains(cosine, v)
    try:
        # From the larger gain, which rounding has touched less.
        if gains[0] >= gains[1]:
            weight = (first * gains[0]) ** (-1 / (1 + q))
            weights = weight, weight * ratios[0] * lengths[0] / lengths[1]
        else:
            weight = (second * gains[1]) ** (-1 / (1 + q))
            weights = weight * ratios[1] * lengths[1] / lengths[0], weight
        residual = 0.0
        for weight, square, gain, ratio in zip(weights, (first, second), gains, ratios, strict=True):
            share = weight ** (-1 - q) / square
            residual = max(residual, abs(gain - share) / (share + _ROUNDING * (1 + abs(cosine) * ratio)))
    except ArithmeticError:  # beyond the range of float64
        weights, residual = (math.inf, math.inf), math.inf
    both = math.cosh(v)
    return _checked(np.array(weights), residual, both + cosine, both + abs(cosine))


def _log_ratio(cosine: float, q: float, target: float) -> float:
    """The v at which the equations of both tasks agree: Newton's steps, within an interval that shrinks around it."""
    high = min(_WIDEST, -math.log(-cosine)) if cosine < 0 else _WIDEST  # both tasks gain
    low, v, before = -high, 0.0, math.inf
    for _ in range(_STEPS):
        one, other = _gains(cosine, v)
        if one <= 0 or other <= 0:  # at an end, by rounding
            low, high = (low, v) if one <= 0 else (v, high)
            v, before = 0.5 * (low + high), math.inf
            continue
        value = (1 + q) * v + math.log(other) - math.log(one) - target
        low, high = (v, high) if value < 0 else (low, v)
        step = value / (q - 1 + 1 / one + 1 / other)
        if abs(value) <= _EXACT * (1 + abs(target)) or v - step == v:
            break
        slow = abs(value) > 0.5 * before
        v, before = (0.5 * (low + high) if slow or not low < v - step < high else v - step), abs(value)
    return v


def _gains(cosine: float, v: float) -> tuple[float, float]:
    """1 + c e^v and 1 + c e^-v, which are (G a)_k / (a_k |g_k|^2), without the cancellation of nearly opposite gradients."""
    return 1 + cosine + cosine * math.expm1(v), 1 + cosine + cosine * math.expm1(-v)


def _checked(weights: Vector, residual: float, squared: float, squared_terms: float) -> Vector:
    """The weights, where their equations hold and their direction is long enough beside the terms in it."""
    if squared <= _CANCELLED * squared_terms:
        raise _cancelled()
    if not residual <= _TOLERANCE:
        raise StrategyError(
            f"Newton's method found no {_SOUGHT}: it was left with a residual of {residual:.1e}. There are none where the "
            "gradients cancel, at a Pareto-stationary point of the trunk."
        )
    return weights


def _cancelled() -> StrategyError:
    return StrategyError(f"The gradients cancel, at a Pareto-stationary point of the trunk: there are no {_SOUGHT}.")
