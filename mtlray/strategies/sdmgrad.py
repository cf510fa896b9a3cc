"""SDMGrad: the shortest weighted sum of gradients, kept near the mean gradient, with weights from independent batches."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Gramian, Weights
from mtlray.checks import require
from mtlray.strategies.double_sampling import AbstractDoubleSampling
from mtlray.strategies.numerics.simplex import project_onto_simplex

_EPSILON = 1e-8


@dataclass(frozen=True)
class SDMGrad(AbstractDoubleSampling):
    r"""Stochastic direction-oriented multi-objective gradient descent (Xiao, Ban, Ji, NeurIPS 2023, algorithm 1).

    .. math::
        w \approx \arg\min_{w \in \Delta} \tfrac{1}{2} \Big| \sum_k w_k g_k + \lambda g_0 \Big|^2, \qquad
        d = \frac{1}{1 + \lambda} \Big( \sum_k w_k g_k^{(3)} + \lambda g_0^{(3)} \Big)

    - :math:`g_k` is the gradient of task k's loss with respect to the trunk, :math:`g_0` the mean of the :math:`g_k`;
      :math:`(3)` marks the step's third mini-batch.
    - :math:`\lambda` is `pull`, the pull towards the mean gradient. At 0 this is a stochastic MGDA.
    - The minimum is approached by `iterations` steps of SGD with momentum `momentum` and learning rate `lr`, each projected
      onto the simplex, along :math:`A (w + \lambda \mathbf{1}/K)`, from the weights of the step before, at first
      :math:`1/K`. :math:`A = J_1 J_2^\top / s^2` has the inner products of the first two mini-batches; :math:`s` is the mean
      root of its diagonal, negative entries counted as zero.
    - The weight of task k is :math:`(w_k + \lambda / K) / (1 + \lambda)`; they sum to one.

    Reading: as LibMTL, after the authors' code, where the paper leaves the scale of A and the solver open. The heads follow
    their losses, mean over the three mini-batches, as in MoDo; LibMTL has three times that here. TorchJD's `lr` is 10.

    The weights of the first step, with the same gradients on all three batches.

    >>> from mtlray import SDMGrad, try_out
    >>> try_out(SDMGrad(), [(2, 1)], [(3, 0), (-1, 1)]).weights
    tensor([[0.8846, 0.1154]])
    """

    pull: float = 0.3
    lr: float = 5.0
    momentum: float = 0.5
    iterations: int = 20

    key: ClassVar[str] = "sdmgrad"
    source: ClassVar[str] = "Xiao et al. 2023, NeurIPS, arXiv 2305.18409, algorithm 1; code in LibMTL"
    component_version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.pull >= 0, "pull", "not be negative", self.pull)
        require(self.lr > 0, "lr", "be positive", self.lr)
        require(0 <= self.momentum < 1, "momentum", "lie in [0, 1)", self.momentum)
        require(self.iterations >= 1, "iterations", "be at least 1", self.iterations)

    def move(self, weights: Weights, products: Gramian) -> Weights:
        scale = products.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt().mean(dim=1)
        normal = products / (scale.square() + _EPSILON)[:, None, None]
        velocity = torch.zeros_like(weights)
        for _ in range(self.iterations):
            aim = weights + self.pull / weights.shape[1]
            velocity = self.momentum * velocity + (normal @ aim.unsqueeze(2)).squeeze(2)
            weights = project_onto_simplex(weights - self.lr * velocity)
        return weights

    def mix(self, weights: Weights) -> Weights:
        return (weights + self.pull / weights.shape[1]) / (1 + self.pull)
