"""Loss-balanced task weighting: a task whose loss has fallen less since the start weighs more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.errors import unknown_name
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.strategies.numerics.averages import sum_to_n_tasks
from mtlray.tasks.task import Task

_EPSILON = 1e-8


@dataclass(frozen=True)
class LBTW(AbstractWeighting):
    r"""Loss-balanced task weighting (Liu, Liang, Gitter, AAAI 2019, student abstract).

    .. math::
        \mathcal{L} = \sum_k w_k L_k, \qquad w_k \propto \Big( \frac{L_k}{L_k^0} \Big)^\alpha, \quad \sum_k w_k = K

    - :math:`L_k` is the mini-batch loss of task k; in the weights it is a constant for the gradient.
    - :math:`L_k^0` is the loss of the first batch: of each epoch with `reset="epoch"`, of the trial with `reset="trial"`.
    - :math:`\alpha` is `alpha`; at zero all weigh the same. The larger, the more the tasks that learn slowly weigh.
    - `renorm=False` leaves the weights as they are, not scaled to sum to K.

    Reading: as the authors' code, which scales the weights, takes :math:`L_k^0` anew in each epoch and has this exponent in its
    settings; other code leaves the weights unscaled. Losses have 1e-8 added, so that a ratio of zeros is one.

    Within an epoch, a loss that has fallen since its first batch weighs less.

    >>> from mtlray import LBTW, try_out
    >>> try_out(LBTW(), [(2, 1), (1, 0.9), (0.8, 0.9)], steps_per_epoch=3).weights
    tensor([[1.0000, 1.0000],
            [0.8541, 1.1459],
            [0.8000, 1.2000]])
    """

    alpha: float = 0.5
    renorm: bool = True
    reset: Literal["trial", "epoch"] = "epoch"

    key: ClassVar[str] = "lbtw"
    source: ClassVar[str] = "Liu et al. 2019, AAAI student abstract"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("known",))

    def __post_init__(self) -> None:
        require(self.alpha >= 0, "alpha", "not be negative", self.alpha)
        if self.reset not in ("trial", "epoch"):
            raise unknown_name("reset", self.reset, ["trial", "epoch"])

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers={"first": torch.ones(len(seeds), len(tasks)), "known": torch.zeros(len(seeds), 1)})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        values, known = losses.detach() + _EPSILON, state.buffers["known"]
        first = torch.where(known > 0, state.buffers["first"], values)
        weights = (values / first) ** self.alpha
        if self.renorm:
            weights = sum_to_n_tasks(weights)
        return (weights * losses).sum(dim=1), weights, State(buffers={"first": first, "known": torch.ones_like(known)})

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        del mean_losses
        return state.with_buffers(known=torch.zeros_like(state.buffers["known"])) if self.reset == "epoch" else state
