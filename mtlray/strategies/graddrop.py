"""Gradient sign dropout: each coordinate follows the tasks of one sign only, drawn by how pure the sign is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Direction, Jacobian, Losses, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractAggregation, Faithfulness, State
from mtlray.strategies.numerics.cosines import divide
from mtlray.strategies.numerics.streams import ON_CPU, sent, streams, streams_init
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class GradDrop(AbstractAggregation):
    r"""Gradient sign dropout, GradDrop (Chen et al., NeurIPS 2020, algorithm 1, lines 10 to 15).

    .. math::
        d = \sum_k \big( \ell + (1 - \ell) M_k \big) g_k, \qquad M_k = [P > U][g_k > 0] + [P < U][g_k < 0], \qquad
        P = \frac{1}{2} \Big( 1 + \frac{\sum_k g_k}{\sum_k |g_k|} \Big)

    - :math:`g_k` is the gradient of task k's loss in the trunk; all is per coordinate.
    - :math:`P` is the purity of the sign, :math:`U` uniform in [0, 1), drawn anew for each coordinate and step.
    - :math:`\ell` is `leak`: how much of a gradient passes whatever its sign; one gives the sum of the gradients.

    Where all gradients have one sign it is their sum. The direction is no weighted sum of the gradients, so its weights are not
    defined.

    Reading: masks are drawn for the shared parameters, as in TorchJD. The paper draws them for the activations that all heads
    see, where signs are multiplied by those of the activation and summed over the batch, so that a mask reaches all parameters
    below; LibMTL does so. Each step's draw is a function of the trial's seed and the step's number and made on the CPU.
    In SamsungLabs/MTL the leak has the opposite sense.

    In each parameter where signs differ, only one sign is kept, drawn at random.

    >>> from mtlray import GradDrop, try_out
    >>> try_out(GradDrop(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[3., 1.]])
    """

    leak: float = 0.0

    key: ClassVar[str] = "graddrop"
    source: ClassVar[str] = "Chen et al. 2020, NeurIPS, algorithm 1"
    extra_memory: ClassVar[str] = "1"
    faithfulness: ClassVar[Faithfulness] = "reading"
    has_weights: ClassVar[bool] = False
    on_cpu: ClassVar[tuple[str, ...]] = ON_CPU

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.leak <= 1, "leak", "lie in [0, 1]", self.leak)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers=streams_init(seeds))

    def aggregate(self, jacobian: Jacobian, losses: Losses, state: State) -> tuple[Direction, Weights, State]:
        generators, state = streams(state)
        # Drawn in float32 on the CPU, so that neither precision nor device changes the numbers.
        draws = [torch.rand(jacobian.shape[2], generator=g, dtype=torch.float32) for g in generators]
        level = sent(torch.stack(draws), jacobian.device).to(jacobian)
        purity = 0.5 * (1 + divide(jacobian.sum(dim=1), jacobian.abs().sum(dim=1)))
        up, down = (purity > level).unsqueeze(1), (purity < level).unsqueeze(1)
        kept = ((up & (jacobian > 0)) | (down & (jacobian < 0))).to(jacobian)
        direction = ((self.leak + (1 - self.leak) * kept) * jacobian).sum(dim=1)
        undefined = torch.full_like(losses, torch.nan)
        return direction, undefined, state
