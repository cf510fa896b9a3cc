"""Dynamic weight average: a task whose loss falls more slowly weighs more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, ByTask, State
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class DWA(AbstractWeighting):
    r"""Dynamic weight average (Liu, Johns, Davison, CVPR 2019, eq. 7).

    .. math::
        w_k(e) = K \frac{\exp(r_k(e-1) / T)}{\sum_i \exp(r_i(e-1) / T)}, \qquad
        r_k(e-1) = \frac{\bar L_k(e-1)}{\bar L_k(e-2)}

    - :math:`\bar L_k(e)` is task k's unweighted training loss, mean over the batches of epoch e.
    - :math:`K` is the number of tasks; the weights sum to K and stay the same within an epoch.
    - :math:`T` is `temperature`; the larger, the more uniform the weights. The authors use 2.
    - The first two epochs weigh every task one.

    `max_ratio` clips :math:`r_k`, which is noise once losses are near zero; off by default, as published. After an epoch in
    which a task's loss was exactly zero, its ratio is `max_ratio`, or one where it is zero again. Without `max_ratio` the
    weights are then undefined, as published, and the trial is recorded as diverged.

    Reading: an epoch is one pass over the trial's own training subset, so that with less data the weights are updated more
    often in the same number of steps. Where other code differs: nash-mtl slides a window of 25 iterations and returns the
    mean of the weighted losses; some code uses the last batch of an epoch in place of its mean.

    From the third epoch on, the loss that falls more slowly weighs more.

    >>> from mtlray import DWA, try_out
    >>> try_out(DWA(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[1.0000, 1.0000],
            [1.0000, 1.0000],
            [0.9003, 1.0997]])
    """

    temperature: float = 2.0
    max_ratio: float | None = None

    key: ClassVar[str] = "dwa"
    source: ClassVar[str] = "Liu et al. 2019, CVPR, eq. 7"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("epochs",))

    def __post_init__(self) -> None:
        require(self.temperature > 0, "temperature", "be positive", self.temperature)
        require(self.max_ratio is None or self.max_ratio > 0, "max_ratio", "be positive or None", self.max_ratio)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        ones = torch.ones(len(seeds), len(tasks))
        return State(buffers={"last": ones, "previous": ones.clone(), "epochs": torch.zeros(len(seeds), 1)})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        last, previous = state.buffers["last"], state.buffers["previous"]
        ratio = (last / previous).to(losses.dtype)
        if self.max_ratio is not None:
            ratio = torch.where((last == 0) & (previous == 0), 1.0, ratio).clamp(max=self.max_ratio)
        ratio = torch.where(state.buffers["epochs"] >= 2, ratio, torch.ones_like(ratio))
        # torch's softmax subtracts the maximum, so a finite ratio cannot overflow, however large; an infinite one gives nan.
        weights = losses.shape[1] * torch.softmax(ratio / self.temperature, dim=1)
        return (weights * losses).sum(dim=1), weights, state

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        buffers = state.buffers
        return state.with_buffers(last=mean_losses, previous=buffers["last"], epochs=buffers["epochs"] + 1)
