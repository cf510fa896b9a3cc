"""NTKMTL: tasks that learn slowly, by the size of their neural tangent kernel, get larger weights."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Gramian, Losses, Weights
from mtlray.checks import require
from mtlray.strategies.base import Faithfulness, State
from mtlray.strategies.gramian import AbstractGramianWeighting
from mtlray.strategies.numerics.cosines import combined_length, divide


@dataclass(frozen=True)
class NTKMTL(AbstractGramianWeighting):
    r"""NTKMTL (Qin et al., NeurIPS 2025, arXiv 2510.18258; with one chunk a batch).

    .. math::
        d = \sum_k w_k g_k, \qquad w_k = \Big( \frac{\sum_j |g_j|^2}{|g_k|^2} \Big)^p

    - :math:`g_k` is the gradient of task k's loss in the trunk. The square of its length is the task's neural tangent kernel
      for a batch that is taken as one: how fast a step along it lowers the loss.
    - :math:`p` is `exponent`, from 0, which is the sum of the gradients, to 1, which makes slow tasks the longest.
    - `max_norm` bounds :math:`|d|`; None does not.

    With p = 1/2 every task's share :math:`w_k g_k` has the same length. A task without a gradient weighs zero.

    Reading: the kernel is that of the batch's mean loss, as in the authors' experiments; the paper's form splits a batch into
    chunks and takes the largest eigenvalue. The authors' code multiplies the direction by K before it bounds it at one, which
    the bound makes the same unless the direction is shorter than 1/K. Its variant on the representation is left out.

    The short gradient weighs more.

    >>> from mtlray import NTKMTL, try_out
    >>> try_out(NTKMTL(max_norm=None), [(2, 1)], [(3, 0), (-1, 1)]).weights
    tensor([[1.1055, 2.3452]])
    """

    exponent: float = 0.5
    max_norm: float | None = 1.0

    key: ClassVar[str] = "ntkmtl"
    source: ClassVar[str] = "Qin et al. 2025, NeurIPS, arXiv 2510.18258; authors' code"
    faithfulness: ClassVar[Faithfulness] = "reading"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.exponent >= 0, "exponent", "not be negative", self.exponent)
        require(self.max_norm is None or self.max_norm > 0, "max_norm", "be positive or None", self.max_norm)

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        del losses
        squares = gramian.diagonal(dim1=1, dim2=2)
        ratios = divide(squares.sum(dim=1, keepdim=True).expand_as(squares), squares)
        weights = torch.where(squares > 0, ratios**self.exponent, 0.0)
        if self.max_norm is not None:
            length = combined_length(gramian, weights)
            factor = torch.full_like(length, self.max_norm) / length  # infinite for a length of zero, which stays
            weights = weights * factor.clamp(max=1)
        return weights, state
