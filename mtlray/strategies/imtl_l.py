"""Impartial multi-task learning, loss balance: each task's scale is learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, State
from mtlray.strategies.uncertainty import bounded
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class IMTLL(AbstractWeighting):
    r"""Impartial multi-task learning, loss balance (IMTL-L; Liu et al., ICLR 2021).

    .. math:: \mathcal{L} = \sum_k e^{s_k} L_k - s_k

    - :math:`L_k` is the mini-batch loss of task k.
    - :math:`s_k` is learned, starting from zero, so every weight starts at one.
    - The weight of task k is :math:`e^{s_k}`; at the optimum of :math:`s_k` it is :math:`1 / L_k`.

    It is twice uncertainty weighting of a Gaussian likelihood at :math:`-s_k`: the same weights at rest up to a factor of two,
    reached twice as fast under SGD. `log_scale_limit` keeps |s| below a bound; off by default. Beyond it, only a
    gradient that leads back moves s.

    Reading: s is trained by the trial's optimizer in a group of its own without weight decay, at the model's learning rate
    unless `strategy_lr` says otherwise. The objective may be negative. LibMTL's "IMTL" is this followed by the gradient
    balance, IMTL-G.

    The scales are trained: that of the larger loss falls first.

    >>> from mtlray import IMTLL, try_out
    >>> try_out(IMTLL(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[1.0000, 1.0000],
            [0.9048, 1.0000],
            [0.9135, 1.0101]])
    """

    log_scale_limit: float | None = None

    key: ClassVar[str] = "imtl_l"
    source: ClassVar[str] = "Liu et al. 2021, ICLR (IMTL-L)"
    extra_memory: ClassVar[str] = "K"

    def __post_init__(self) -> None:
        limit = self.log_scale_limit
        require(limit is None or limit > 0, "log_scale_limit", "be positive or None", limit)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(params={"log_scale": torch.zeros(len(seeds), len(tasks), requires_grad=True)})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        s = state.params["log_scale"]
        if self.log_scale_limit is not None:
            s = bounded(s, -self.log_scale_limit, self.log_scale_limit)
        weights = s.exp()
        return (weights * losses - s).sum(dim=1), weights, state
