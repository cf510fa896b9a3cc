"""Soft optimal uncertainty weighting: the optimum of uncertainty weighting in closed form, then a softmax."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, Faithfulness, State


@dataclass(frozen=True)
class UWSO(AbstractWeighting):
    r"""Soft optimal uncertainty weighting, UW-SO (Kirchdorfer et al. 2024, arXiv 2408.07985).

    .. math::
        \mathcal{L} = \sum_k w_k L_k, \qquad w_k = \frac{\exp(a_k / T)}{\sum_j \exp(a_j / T)}, \quad a_k = \min(1 / L_k, m)

    - :math:`L_k` is the mini-batch loss of task k; in the weights it is a constant for the gradient.
    - :math:`1 / L_k` is the weight at which uncertainty weighting comes to rest, up to a factor.
    - :math:`T` is `temperature`; the larger, the more uniform the weights. The authors tune it for each data set.
    - :math:`m` is `max_inverse`, which keeps the inverse of a vanishing loss finite.

    The weights sum to one.

    Reading: from public summaries of the paper, not its text. The defaults of `temperature`, one, and of `max_inverse` are
    ours: tune the temperature, on the scale of the differences between the 1/L.

    A softmax of the inverse losses: the smaller loss weighs more.

    >>> from mtlray import UWSO, try_out
    >>> try_out(UWSO(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.3775, 0.6225],
            [0.4723, 0.5277],
            [0.5347, 0.4653]])
    """

    temperature: float = 1.0
    max_inverse: float = 1e4

    key: ClassVar[str] = "uw_so"
    source: ClassVar[str] = "Kirchdorfer et al. 2024, arXiv 2408.07985"
    faithfulness: ClassVar[Faithfulness] = "reading"

    def __post_init__(self) -> None:
        require(self.temperature > 0, "temperature", "be positive", self.temperature)
        require(self.max_inverse > 0, "max_inverse", "be positive", self.max_inverse)

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        inverse = (1 / losses.detach()).clamp(max=self.max_inverse)
        weights = torch.softmax(inverse / self.temperature, dim=1)
        return (weights * losses).sum(dim=1), weights, state
