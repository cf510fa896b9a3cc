"""Weights of alpha-fair bargaining between the tasks: a small convex problem, solved by Newton's method."""

import numpy as np

from mtlray.errors import StrategyError
from mtlray.strategies.cosines import RANK_TOLERANCE
from mtlray.strategies.gramian import Matrix, Vector

_STEPS = 200
_TOLERANCE = 1e-8
_EXACT = 1e-13


def alpha_fair(gramian: Matrix, alpha: float) -> Vector:
    r"""Positive weights a with :math:`(G a)_k\, a_k^{1/\alpha} = 1` for every task k; zero for a task without a gradient.

    They are the minimum of the strictly convex :math:`\frac{1}{2} a^\top G a - \sum_k a_k^{1-q} / (1-q)`, :math:`q = 1/\alpha`
    (a logarithm at q = 1), which exists unless a sum of the gradients with positive weights is zero. Raises StrategyError where
    it does not exist up to rounding, or where 1e-8 is not reached.
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
        residual = np.abs(gradient * x**q / share).max()
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
    terms = np.abs(quadratic) @ best @ best
    if not smallest <= _TOLERANCE or best @ quadratic @ best <= RANK_TOLERANCE * terms:
        raise StrategyError(
            "Positive weights were sought that solve (G a) a^(1/alpha) = 1 for the Gramian G of the tasks' gradients. Found "
            f"none: Newton's method was left with a residual of {smallest:.1e}. There are none where the gradients cancel, at "
            "a Pareto-stationary point of the trunk."
        )
    return best


def _value(quadratic: Matrix, share: Vector, q: float, x: Vector) -> tuple[float, float]:
    """The objective, and how far rounding may move it."""
    first = 0.5 * float(x @ quadratic @ x)
    terms = share * (np.log(x) if q == 1 else x ** (1 - q) / (1 - q))
    return first - float(terms.sum()), 1e-14 * (abs(first) + float(np.abs(terms).sum()))
