"""MoDo: weights that descend, a small step at a time, towards those of the shortest weighted sum of gradients."""

from dataclasses import dataclass
from typing import ClassVar

from mtlray.axes import Gramian, Weights
from mtlray.checks import require
from mtlray.strategies.double_sampling import AbstractDoubleSampling
from mtlray.strategies.numerics.simplex import project_onto_simplex


@dataclass(frozen=True)
class MoDo(AbstractDoubleSampling):
    r"""Multi-objective gradient with double sampling (Chen, Fernando, Ying, Chen, NeurIPS 2023; JMLR 2024).

    .. math::
        \lambda \leftarrow \Pi_\Delta \big( \lambda - \gamma (J_1 J_2^\top + \rho I) \lambda \big), \qquad
        d = \sum_k \lambda_k g_k^{(3)}

    - :math:`J_1`, :math:`J_2` stack the tasks' gradients with respect to the trunk on the step's first and second mini-batch,
      and :math:`g_k^{(3)}` is task k's on its third.
    - :math:`\lambda` starts at :math:`1/K`; :math:`\Pi_\Delta` projects onto the simplex, so the weights sum to one.
    - :math:`\gamma` is `gamma`, the step of the weights; :math:`\rho` is `rho`, which draws them together.

    Reading: the variant with three mini-batches, as LibMTL, whose defaults these are; the paper also has one in which the mean
    over the first two is followed. The heads follow the mean over all three, as in that code. Where other code differs:
    TorchJD's default of gamma is 0.1.

    The weights move slowly to the shortest combination of the gradients.

    >>> from mtlray import MoDo, try_out
    >>> try_out(MoDo(), [(2, 1), (1, 0.9), (0.8, 0.9)], [(3, 0), (-1, 1)]).weights
    tensor([[0.4983, 0.5017],
            [0.4965, 0.5035],
            [0.4948, 0.5052]])
    """

    gamma: float = 0.001
    rho: float = 0.1

    key: ClassVar[str] = "modo"
    source: ClassVar[str] = "Chen et al. 2023, NeurIPS, arXiv 2305.20057; code in LibMTL"
    component_version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.gamma > 0, "gamma", "be positive", self.gamma)
        require(self.rho >= 0, "rho", "not be negative", self.rho)

    def move(self, weights: Weights, products: Gramian) -> Weights:
        slope = (products @ weights.unsqueeze(2)).squeeze(2) + self.rho * weights
        return project_onto_simplex(weights - self.gamma * slope)

    def mix(self, weights: Weights) -> Weights:
        return weights
