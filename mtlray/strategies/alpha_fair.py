"""Weights of alpha-fair bargaining between the tasks: a small convex problem, solved by Newton's method."""

import numpy as np

from mtlray.errors import StrategyError
from mtlray.strategies.gramian import Matrix, Vector

_STEPS = 200
_TOLERANCE = 1e-8
_EXACT = 1e-13
_ROUNDING = 1e-4
_CANCELLED = 1e-8


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
    sought = "positive weights a that solve (G a) a^(1/alpha) = 1 for the Gramian G of the tasks' gradients"
    if best @ quadratic @ best <= _CANCELLED * (np.abs(quadratic) @ best @ best):
        raise StrategyError(f"The gradients cancel, at a Pareto-stationary point of the trunk: there are no {sought}.")
    if not smallest <= _TOLERANCE:
        raise StrategyError(
            f"Newton's method found no {sought}: it was left with a residual of {smallest:.1e}. There are none where the "
            "gradients cancel, at a Pareto-stationary point of the trunk."
        )
    return best


def _value(quadratic: Matrix, share: Vector, q: float, x: Vector) -> tuple[float, float]:
    """The objective, and how far rounding may move it: where gradients nearly cancel, much further than its own size says."""
    terms = share * (np.log(x) if q == 1 else x ** (1 - q) / (1 - q))
    noise = 1e-15 * (float(np.abs(quadratic) @ x @ x) + float(np.abs(terms).sum()))
    return 0.5 * float(x @ quadratic @ x) - float(terms.sum()), noise
