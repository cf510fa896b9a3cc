"""Multiple gradient descent: the shortest convex combination of the tasks' gradients."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from mtlray.axes import Gramian, Losses, Weights
from mtlray.checks import require_choice
from mtlray.strategies.base import State
from mtlray.strategies.gramian import AbstractSolverWeighting, Matrix, Vector
from mtlray.strategies.numerics.cosines import divide
from mtlray.strategies.numerics.min_norm import as_vectors, simplex_min_norm

Normalisation = Literal["none", "l2", "loss", "loss+"]


@dataclass(frozen=True)
class MGDA(AbstractSolverWeighting):
    r"""Multiple gradient descent algorithm, MGDA (Sener, Koltun, NeurIPS 2018, eq. 3; after Désidéri 2012).

    .. math::
        d = \sum_k w_k g_k, \qquad w = \arg\min_{w \ge 0,\, \sum_k w_k = 1} \Big| \sum_k w_k \frac{g_k}{n_k} \Big|^2

    - :math:`g_k` is the gradient of task k's loss in the trunk.
    - :math:`n_k` is by `normalisation`: "none" 1, as in the paper; "l2" :math:`|g_k|`, "loss" :math:`L_k`, "loss+"
      :math:`L_k |g_k|`, as in the authors' code. The weights are then applied to the gradients as they are.

    Without normalisation :math:`g_k^\top d \ge |d|^2` for every task, and the direction is zero at a Pareto-stationary point,
    also where one task has no gradient. The weights sum to one.

    The minimum is exact: in closed form for two tasks, by active sets for more; tasks with the same gradient get the same
    weight. Where other code differs: the authors' code and
    LibMTL keep the weights of two tasks within [0.001, 0.999], and LibMTL applies them to the normalised gradients; TorchJD takes
    at most 100 steps of Frank and Wolfe; nash-mtl multiplies by K.

    The shortest point between the two gradients; both losses fall alike.

    >>> from mtlray import MGDA, try_out
    >>> try_out(MGDA(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[0.1765, 0.7059]])
    """

    normalisation: Normalisation = "none"

    key: ClassVar[str] = "mgda"
    source: ClassVar[str] = "Sener and Koltun 2018, NeurIPS, eq. 3"
    component_version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("normalisation", self.normalisation, ("none", "l2", "loss", "loss+"))

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        scale = _scale(self.normalisation, gramian, losses)
        gramian = gramian / (scale.unsqueeze(1) * scale.unsqueeze(2))
        if losses.shape[1] > 2:
            return self.solve_each(gramian, state)
        return _closest_of_two(gramian) if losses.shape[1] == 2 else torch.ones_like(scale), state

    def solve(self, gramian: Matrix) -> Vector:
        return simplex_min_norm(as_vectors(gramian))


def _scale(normalisation: Normalisation, gramian: Gramian, losses: Losses) -> Weights:
    """What each gradient is divided by; one where that is zero."""
    norms, values = gramian.diagonal(dim1=1, dim2=2).sqrt(), losses.to(gramian)
    scale = {"none": torch.ones_like(norms), "l2": norms, "loss": values, "loss+": values * norms}[normalisation]
    return scale.masked_fill(scale == 0, 1.0)


def _closest_of_two(gramian: Gramian) -> Weights:
    """Weights of the point of a segment that is nearest to the origin; its middle where its ends coincide."""
    product = gramian[:, 0, 1]
    beyond = torch.stack([gramian[:, 1, 1] - product, gramian[:, 0, 0] - product], dim=1).clamp(min=0)
    total = beyond.sum(dim=1, keepdim=True)
    return torch.where(total > 0, divide(beyond, total.expand_as(beyond)), 0.5)
