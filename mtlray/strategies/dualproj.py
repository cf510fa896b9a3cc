"""DualProj: the mean gradient, projected onto the directions along which no loss rises."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mtlray.strategies.gramian import AbstractSolverWeighting, Matrix, Vector
from mtlray.strategies.numerics.min_norm import as_vectors, dual_cone_weights


@dataclass(frozen=True)
class DualProj(AbstractSolverWeighting):
    r"""Projection onto the dual cone (Lopez-Paz, Ranzato, NeurIPS 2017, eq. 11, as TorchJD's DualProj).

    .. math::
        d = \arg\min_{y:\, J y \ge 0} |y - g_0|^2 = \sum_k w_k g_k, \qquad w = \arg\min_{w \ge 1/K} \Big| \sum_k w_k g_k \Big|^2

    - :math:`g_k` is the gradient of task k's loss in the trunk, the k-th row of :math:`J`; :math:`g_0` is the mean of all.

    :math:`J d \ge 0` always: no loss rises, to first order. Where the mean has that property it is the direction. `UPGrad`
    projects each gradient by itself and averages afterwards.

    The projection is exact, by active sets. The source projects the gradient of the present task of a sequence against those of
    earlier ones; that the mean of all tasks is projected is TorchJD's.

    Of the mean, what would raise the first loss is taken away.

    >>> from mtlray import DualProj, try_out
    >>> try_out(DualProj(), [(2, 1)], [(1, 0), (-3, 1)]).directions
    tensor([[0.0000, 0.5000]])
    """

    key: ClassVar[str] = "dualproj"
    source: ClassVar[str] = "Lopez-Paz and Ranzato 2017, NeurIPS, eq. 11 (TorchJD)"

    def solve(self, gramian: Matrix) -> Vector:
        vectors, norms = as_vectors(gramian), np.sqrt(np.diag(gramian))
        weights: Vector = 1 / len(norms) + dual_cone_weights(vectors, norms, vectors.mean(axis=1))
        return weights
