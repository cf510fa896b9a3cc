"""SoftAdapt: a task whose loss rises, or falls more slowly, weighs more."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.errors import unknown_name
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.tasks.task import Task

_VARIANTS = ("plain", "loss_weighted", "normalized")


@dataclass(frozen=True)
class SoftAdapt(AbstractWeighting):
    r"""SoftAdapt (Heydari, Thompson, Mehmood 2019, section 3.1).

    .. math::
        \mathcal{L} = \sum_k w_k L_k, \qquad w_k = \frac{c_k \exp(\beta s_k)}{\sum_j c_j \exp(\beta s_j)}

    - :math:`s_k` is the slope of task k's loss at present: the backward finite difference over its last `n_losses` values, of
      the highest order that they allow. Two values give their difference.
    - :math:`\beta` is `beta`; above zero, the tasks that do worst weigh most, below zero those that do best.
    - :math:`c_k` is one, and for `variant="loss_weighted"` the mean of the `n_losses` values.
    - `variant="normalized"` replaces :math:`s_k` by :math:`s_k / \sum_j |s_j|`.

    The weights sum to one, and are equal until there are `n_losses` values.

    Reading: `cadence="batch"` takes the losses of the batches, the present one included, and "epoch" the mean losses of
    epochs; the paper allows both. The authors' code normalises by the sum of the signed slopes, which may be near zero or
    negative and so turn the order of the tasks; here the sizes are summed. It updates the weights every few epochs; here they
    are updated with each new value. `n_losses` is five in its examples.

    The loss that falls more slowly weighs more, from the second batch on.

    >>> from mtlray import SoftAdapt, try_out
    >>> try_out(SoftAdapt(n_losses=2), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.5000, 0.5000],
            [0.4775, 0.5225],
            [0.4950, 0.5050]])
    """

    beta: float = 0.1
    n_losses: int = 5
    variant: Literal["plain", "loss_weighted", "normalized"] = "plain"
    cadence: Literal["batch", "epoch"] = "batch"

    key: ClassVar[str] = "softadapt"
    source: ClassVar[str] = "Heydari et al. 2019, arXiv 1912.12355, section 3.1"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(axes={"history": (2,)}, counters=("count",))

    def __post_init__(self) -> None:
        require(math.isfinite(self.beta), "beta", "be finite", self.beta)
        require(self.n_losses >= 2, "n_losses", "be at least 2", self.n_losses)
        if self.variant not in _VARIANTS:
            raise unknown_name("variant of SoftAdapt", self.variant, _VARIANTS)
        if self.cadence not in ("batch", "epoch"):
            raise unknown_name("cadence", self.cadence, ["batch", "epoch"])

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        history = torch.zeros(len(seeds), self.n_losses, len(tasks))
        return State(buffers={"history": history, "count": torch.zeros(len(seeds), 1)})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        if self.cadence == "batch":
            state = _remember(losses.detach(), state)
        history = state.buffers["history"]
        full = (state.buffers["count"] >= self.n_losses).all(dim=1, keepdim=True)
        slopes = torch.zeros_like(losses)
        for i, coefficient in enumerate(backward_difference(self.n_losses)):
            slopes = slopes + coefficient * history[:, i]  # the numbers stay on the host, so that no copy is waited for
        if self.variant == "normalized":
            slopes = slopes / (slopes.abs().sum(dim=1, keepdim=True) + 1e-8)
        weights = torch.softmax(self.beta * slopes, dim=1)
        if self.variant == "loss_weighted":
            weights = weights * (history.mean(dim=1) + 1e-8)
            weights = weights / weights.sum(dim=1, keepdim=True)
        weights = torch.where(full, weights, torch.full_like(weights, 1 / losses.shape[1]))
        return (weights * losses).sum(dim=1), weights, state

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        return _remember(mean_losses, state) if self.cadence == "epoch" else state


def backward_difference(n: int) -> list[float]:
    """Coefficients, oldest first, of the first derivative at the last of n equally spaced values; exact up to degree n - 1."""
    latest = sum(1 / j for j in range(1, n))
    return [(-1) ** j * math.comb(n - 1, j) / j for j in range(n - 1, 0, -1)] + [latest]


def _remember(values: Tensor, state: State) -> State:
    history = torch.cat([state.buffers["history"][:, 1:], values.unsqueeze(1)], dim=1)
    return state.with_buffers(history=history, count=state.buffers["count"] + 1)
