"""UPGrad: every task's gradient is projected so that it conflicts with none, and then they are averaged."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from mtlray.axes import Gramian, Losses, Weights
from mtlray.strategies.base import State
from mtlray.strategies.gramian import AbstractSolverWeighting, Matrix, Vector
from mtlray.strategies.numerics.cosines import divide
from mtlray.strategies.numerics.min_norm import as_vectors, dual_cone_weights


@dataclass(frozen=True)
class UPGrad(AbstractSolverWeighting):
    r"""Unconflicting projection of gradients, UPGrad (Quinton, Rey 2024, arXiv 2406.16232, section 3).

    .. math::
        d = \frac{1}{K} \sum_k \pi_J(g_k), \qquad \pi_J(g) = \arg\min_{y:\, J y \ge 0} |y - g|^2

    - :math:`g_k` is the gradient of task k's loss in the trunk, the k-th row of :math:`J`.
    - :math:`\pi_J` projects onto the dual cone of all gradients: the directions along which no loss rises.

    :math:`J d \ge 0` always. Without conflict it is the mean of the gradients; with two tasks it is half of `PCGrad`.

    The projections are exact: in closed form for two tasks, by active sets for more. Where other code differs: TorchJD
    normalises the Gramian and adds 1e-4 to its diagonal before it solves.

    Each gradient is projected so that no loss rises; then their mean is taken.

    >>> from mtlray import UPGrad, try_out
    >>> try_out(UPGrad(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[0.7500, 1.2500]])
    """

    key: ClassVar[str] = "upgrad"
    source: ClassVar[str] = "Quinton and Rey 2024, arXiv 2406.16232"
    component_version: ClassVar[int] = 2

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        n_tasks = losses.shape[1]
        if n_tasks > 2:
            return self.solve_each(gramian, state)
        if n_tasks == 1:
            return torch.ones_like(gramian[:, 0]), state
        against = (-gramian[:, 0, 1]).clamp(min=0).unsqueeze(1)
        squares = gramian.diagonal(dim1=1, dim2=2)
        return 0.5 * (1 + divide(against.expand_as(squares), squares)), state

    def solve(self, gramian: Matrix) -> Vector:
        vectors, norms = as_vectors(gramian), np.sqrt(np.diag(gramian))
        added = [dual_cone_weights(vectors, norms, column) for column in vectors.T]
        mean: Vector = (1 + np.sum(added, axis=0)) / len(norms)
        return mean
