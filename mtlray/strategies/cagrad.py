"""Conflict-averse gradient descent: the direction near the mean gradient along which the worst-off task gains most."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mtlray.axes import Gramian, Losses, Weights
from mtlray.checks import require, require_choice
from mtlray.errors import StrategyError
from mtlray.strategies.base import State
from mtlray.strategies.gramian import AbstractSolverWeighting, Matrix, Vector
from mtlray.strategies.numerics.cosines import ROUNDING, combined_length, divide
from mtlray.strategies.numerics.min_norm import as_vectors, simplex_min_norm

# Where the root in one variable is looked for; and a |g_w| below this share of the longest gradient is zero.
_ZERO = 1e-10


@dataclass(frozen=True)
class CAGrad(AbstractSolverWeighting):
    r"""Conflict-averse gradient descent, CAGrad (Liu, Liu, Jin, Stone, Liu, NeurIPS 2021, algorithm 1).

    .. math::
        d = g_0 + \frac{c |g_0|}{|g_w|} g_w, \qquad w = \arg\min_{w \ge 0,\, \sum_k w_k = 1} g_w^\top g_0 + c |g_0| |g_w|

    - :math:`g_k` is the gradient of task k's loss in the trunk, :math:`g_0` the mean of all, :math:`g_w = \sum_k w_k g_k`.
    - :math:`c` is `c`: how far :math:`d` may be from the mean, as a share of its length. Zero is the mean; the larger, the
      nearer to `MGDA`. The authors use 0.4 on NYUv2.
    - `rescale` divides :math:`d`: "none" by 1, as in the paper, "one_plus_c_squared" by :math:`1 + c^2`, "one_plus_c" by
      :math:`1 + c`.

    :math:`d` maximises the smallest :math:`g_k^\top d` within the ball. Where :math:`g_w` is zero, up to the rounding of
    gradients that cancel, it is :math:`g_0`. The weight of a task is :math:`1/K + c |g_0| w_k / |g_w|`, divided likewise.

    The minimum is exact in closed form for two tasks; for more it is a root in one variable, with a problem on active sets at
    each point, to about ten digits. Where other code differs: the authors' code for NYUv2 and LibMTL divide by
    :math:`1 + c^2`; the authors', in nash-mtl too, then multiplies by K; both add 1e-8 under roots; TorchJD takes zero where
    :math:`g_w` is.

    Near the mean of the gradients, but better for the task that gains least.

    >>> from mtlray import CAGrad, try_out
    >>> try_out(CAGrad(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[0.6838, 0.8162]])
    """

    c: float = 0.4
    rescale: Literal["none", "one_plus_c_squared", "one_plus_c"] = "none"

    key: ClassVar[str] = "cagrad"
    source: ClassVar[str] = "Liu et al. 2021, NeurIPS, algorithm 1"
    component_version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.c >= 0, "c", "not be negative", self.c)
        require_choice("rescale", self.rescale, ("none", "one_plus_c_squared", "one_plus_c"))

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        n_tasks = losses.shape[1]
        if n_tasks > 2:
            return self.solve_each(gramian, state)
        share = _worst_of_two(gramian, self.c) if n_tasks == 2 else torch.ones_like(gramian[:, 0])
        radius = self.c * _norm(gramian, torch.full_like(share, 1 / n_tasks))
        pull = divide(radius, _norm(gramian, share))
        return (1 / n_tasks + pull * share) / self._divisor, state

    @property
    def _divisor(self) -> float:
        return {"none": 1.0, "one_plus_c_squared": 1 + self.c**2, "one_plus_c": 1 + self.c}[self.rescale]

    def solve(self, gramian: Matrix) -> Vector:
        n_tasks, vectors = len(gramian), as_vectors(gramian)
        lengths = np.sqrt(np.diag(gramian))
        weights, longest = np.full(n_tasks, 1 / n_tasks), lengths.max()
        mean = vectors @ weights
        radius = self.c * _length(mean, weights, lengths)
        if radius > 0:
            share = _worst_of_many(vectors / longest, mean / longest, radius / longest)
            if (norm := _length(vectors @ share, share, lengths)) > 0:
                weights += radius / norm * share
        result: Vector = weights / self._divisor
        return result


def _norm(gramian: Gramian, weights: Weights) -> Tensor:
    """Length of each trial's weighted sum of the gradients, `[seed, 1]`; zero where rounding alone is left of it."""
    norm = combined_length(gramian, weights)
    lengths = gramian.diagonal(dim1=1, dim2=2).sqrt()
    noise = ROUNDING * (weights * lengths).sum(dim=1, keepdim=True)
    return norm.masked_fill(norm <= torch.maximum(noise, _ZERO * lengths.amax(dim=1, keepdim=True)), 0.0)


def _length(total: Vector, weights: Vector, lengths: Vector) -> float:
    """The same for one trial, whose weighted sum is known."""
    norm = float(np.sqrt(np.square(total).sum()))
    return norm if norm > max(ROUNDING * float(weights @ lengths), _ZERO * float(lengths.max())) else 0.0


def _worst_of_two(gramian: Gramian, c: float) -> Weights:
    """The minimum of A + B x + s sqrt(a x^2 + 2 b x + e) over the first task's weight x in [0, 1]."""
    first, product, second = gramian[:, 0, 0], gramian[:, 0, 1], gramian[:, 1, 1]
    slope = (first - second) / 2  # (g_1 - g_2) . g_0
    radius = c * (first + 2 * product + second).clamp(min=0).sqrt() / 2
    square = first - 2 * product + second
    linear = product - second
    # On the line through both gradients: lowest where it is nearest to zero, moved against the slope.
    distance = (second - divide(linear.square(), square)).clamp(min=0).sqrt()
    steep = square * radius.square() - slope.square()
    inside = divide(-linear, square) - slope * distance * divide(
        torch.ones_like(steep), (square * steep.clamp(min=0)).sqrt()
    )
    ends = torch.where(slope > 0, 0.0, torch.where(slope < 0, 1.0, 0.5))
    weight = torch.where(steep > 0, inside.clamp(0, 1), ends)
    return torch.stack([weight, 1 - weight], dim=1)


def _worst_of_many(vectors: Matrix, mean: Vector, radius: float) -> Vector:
    r"""The minimum over the simplex for columns of length one at most.

    :math:`s |g_w| = \min_\tau \frac{s}{2} (|g_w|^2 / \tau + \tau)`, and for a given tau what is left is the shortest convex
    combination of the :math:`g_k + \frac{\tau}{s} g_0`. The best tau is where :math:`|g_w| = \tau`, and it is the only one.
    """
    from scipy.optimize import brentq

    def share(tau: float) -> Vector:
        return simplex_min_norm(vectors + tau / radius * mean[:, None])

    def excess(tau: float) -> float:
        return float(np.sqrt(np.square(vectors @ share(tau)).sum())) - tau

    if excess(_ZERO) <= 0:
        return share(_ZERO)
    try:
        return share(brentq(excess, _ZERO, 1.0 + 1e-9, xtol=1e-14, rtol=1e-14, maxiter=200))
    except (RuntimeError, ValueError) as error:
        raise StrategyError(f"The length of CAGrad's combined gradient was not found: {error}.") from error
