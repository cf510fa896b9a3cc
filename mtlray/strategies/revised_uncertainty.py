"""Revised uncertainty weighting: uncertainty weighting with a regulariser that is never negative."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.errors import unknown_name
from mtlray.strategies.base import AbstractWeighting, State
from mtlray.strategies.uncertainty import bounded
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class RevisedUncertainty(AbstractWeighting):
    r"""Revised uncertainty weighting (Liebel and Körner 2018, eq. 4).

    .. math:: \mathcal{L} = \sum_k \frac{1}{2 c_k^2} L_k + \ln(1 + c_k^2)

    - :math:`c_k` is learned, starting from `initial` (1, so every weight starts at 1/2).
    - The weight of task k is :math:`1 / (2 c_k^2)`; at the optimum :math:`c_k^2 = (L_k + \sqrt{L_k^2 + 8 L_k}) / 4`, so for
      small losses the weight grows like :math:`1 / \sqrt{2 L_k}`, more gently than that of uncertainty weighting.

    `parametrisation="direct"` learns c itself, as published code does; "log" learns :math:`s = \log c^2` with the regulariser
    :math:`\mathrm{softplus}(s)`, which has no pole at c = 0. The two differ under Adam. `floor` keeps |c| above a bound with
    its sign kept; off by default. Below it, only a gradient that leads back moves c. In either form the one factor 1/2 is used
    whatever a task's likelihood, as in the paper.

    The weights are trained: that of the larger loss falls first.

    >>> from mtlray import RevisedUncertainty, try_out
    >>> try_out(RevisedUncertainty(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.5000, 0.5000],
            [0.4132, 0.5000],
            [0.4322, 0.5102]])
    """

    parametrisation: Literal["direct", "log"] = "direct"
    initial: float = 1.0
    floor: float | None = None

    key: ClassVar[str] = "revised_uncertainty"
    source: ClassVar[str] = "Liebel and Körner 2018, arXiv 1805.06334, eq. 4"
    extra_memory: ClassVar[str] = "K"

    def __post_init__(self) -> None:
        if self.parametrisation not in ("direct", "log"):
            raise unknown_name("parametrisation", self.parametrisation, ["direct", "log"])
        require(self.initial > 0, "initial", "be positive", self.initial)
        require(self.floor is None or self.floor > 0, "floor", "be positive or None", self.floor)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        c = torch.full((len(seeds), len(tasks)), float(self.initial))
        start = c if self.parametrisation == "direct" else 2 * c.log()
        return State(params={"c" if self.parametrisation == "direct" else "log_c2": start.requires_grad_()})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        if self.parametrisation == "direct":
            c = state.params["c"]
            if self.floor is not None:
                c = bounded(torch.where(c < 0, -c, c), self.floor, math.inf)
            variance = c.square()
            weights, regulariser = 0.5 / variance, torch.log1p(variance)
        else:
            s = state.params["log_c2"]
            if self.floor is not None:
                s = bounded(s, 2 * math.log(self.floor), math.inf)
            weights, regulariser = 0.5 * torch.exp(-s), F.softplus(s)
        return (weights * losses + regulariser).sum(dim=1), weights, state
