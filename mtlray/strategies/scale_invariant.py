"""Scale-invariant weighting: the sum of the logarithms of the losses."""

from dataclasses import dataclass
from typing import ClassVar

from mtlray.axes import Losses, PerSeed, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, State


@dataclass(frozen=True)
class ScaleInvariant(AbstractWeighting):
    r"""The sum of the logarithms of the losses (the baseline "SI" of Navon et al., ICML 2022).

    .. math:: \mathcal{L} = \sum_k \log(L_k + \epsilon)

    - :math:`L_k` is the mini-batch loss of task k, which should not be negative.
    - :math:`\epsilon` is `epsilon`, which keeps the weight of a vanishing loss finite.

    The weight of task k is :math:`1 / (L_k + \epsilon)`: multiplying a loss by a constant changes nothing. It is `EMA` with
    `beta=0`, the "UW-O" of Kirchdorfer et al. 2024, and where uncertainty weighting and IMTL-L come to rest, up to a factor.
    The objective may be negative.

    Where other code differs: the method that SamsungLabs/MTL calls "si" is the sum of :math:`\log(1 + L_k)`.

    Each weight is the inverse of the loss.

    >>> from mtlray import ScaleInvariant, try_out
    >>> try_out(ScaleInvariant(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.5000, 1.0000],
            [1.0000, 1.1111],
            [1.2500, 1.1111]])
    """

    epsilon: float = 1e-8

    key: ClassVar[str] = "scale_invariant"
    source: ClassVar[str] = "Navon et al. 2022, ICML (baseline SI)"

    def __post_init__(self) -> None:
        require(self.epsilon >= 0, "epsilon", "not be negative", self.epsilon)

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        shifted = losses + self.epsilon
        return shifted.log().sum(dim=1), 1 / shifted, state
