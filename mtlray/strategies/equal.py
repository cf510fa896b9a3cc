"""Equal weighting: the plain sum of the losses."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from mtlray.axes import Losses, PerSeed, Weights
from mtlray.strategies.base import AbstractWeighting, State


@dataclass(frozen=True)
class Equal(AbstractWeighting):
    r"""Every task weighs one; the losses are added, not averaged.

    .. math:: \mathcal{L} = \sum_k L_k

    - :math:`L_k` is the mini-batch loss of task k.

    Gong et al. 2019, section II.B ("simply added together"); elsewhere called vanilla, uniform, unitary or linear
    scalarization. Some code divides by the number of tasks, which under SGD is another learning rate.

    The direction is the sum of the tasks' gradients.

    >>> from mtlray import Equal, try_out
    >>> try_out(Equal(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[2., 1.]])
    """

    key: ClassVar[str] = "equal"
    kind: ClassVar[Literal["baseline", "loss-based", "gradient-based"]] = "baseline"
    source: ClassVar[str] = "Gong et al. 2019, section II.B"

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        return losses.sum(dim=1), torch.ones_like(losses), state
