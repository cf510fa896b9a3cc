"""Geometric loss strategy: the geometric mean of the losses."""

from dataclasses import dataclass
from typing import ClassVar

from mtlray.axes import Losses, PerSeed, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, State


@dataclass(frozen=True)
class GeometricMean(AbstractWeighting):
    r"""Geometric loss strategy, GLS (Chennupati et al., MultiNet++, CVPR Workshops 2019).

    .. math:: \mathcal{L} = \Big( \prod_k (L_k + \epsilon) \Big)^{1/K}

    - :math:`L_k` is the mini-batch loss of task k, which should not be negative.
    - :math:`K` is the number of tasks.
    - :math:`\epsilon` is `epsilon`, which keeps the weights finite where a loss is zero.

    The weight of task k is :math:`\mathcal{L} / (K (L_k + \epsilon))`; with equal losses the weights sum to one. The direction
    is that of the sum of the logarithms.

    Reading: computed as the exponential of the mean logarithm, which neither overflows nor underflows. Where other code
    differs: LibMTL multiplies the losses, and the weights that it logs are not those of the gradient. Neither LibMTL nor
    TorchJD, which this equals at `epsilon=0`, has an epsilon. The paper's focused variant is left out.

    The smaller loss weighs more; equal losses would weigh 1/2 each.

    >>> from mtlray import GeometricMean, try_out
    >>> try_out(GeometricMean(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.3536, 0.7071],
            [0.4743, 0.5270],
            [0.5303, 0.4714]])
    """

    epsilon: float = 1e-8

    key: ClassVar[str] = "geometric_mean"
    source: ClassVar[str] = "Chennupati et al. 2019, CVPR Workshops (MultiNet++)"

    def __post_init__(self) -> None:
        require(self.epsilon >= 0, "epsilon", "not be negative", self.epsilon)

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        shifted = losses + self.epsilon
        objective = shifted.log().mean(dim=1).exp()
        return objective, objective.unsqueeze(1) / (losses.shape[1] * shifted), state
