"""Smooth Tchebycheff scalarization as its authors run it for multi-task learning, after a warm-up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class STCHMultiTask(AbstractWeighting):
    r"""Smooth Tchebycheff scalarization for multi-task learning (Lin et al., ICML 2024; the authors' code).

    .. math::
        \mathcal{L} = \begin{cases}
        \sum_k \log(L_k + \epsilon) & \text{in epochs } 0, \dots, W \\
        K \mu \log \sum_k \exp \Big( \frac{1}{\mu} \log \frac{L_k + \epsilon}{n_k + \epsilon} \Big) & \text{thereafter}
        \end{cases}

    - :math:`L_k` is the mini-batch loss of task k, :math:`K` the number of tasks.
    - :math:`W` is `warmup_epochs`, so that there are W + 1 epochs of warm-up, counted over the trial's own subset.
    - :math:`n_k` is the nadir, task k's mean loss in epoch W.
    - :math:`\mu` is `mu`; the smaller, the more the task that has improved least weighs.
    - :math:`\epsilon` is `epsilon`; the authors add 1e-20.

    The weight of task k is :math:`1 / L_k` during the warm-up and then :math:`K p_k / L_k`, p the softmax of the exponents. A
    trial shorter than the warm-up is `ScaleInvariant`.

    Reading: the form of the authors' code and of LibMTL, which also defines W. It is another method than the plain formula,
    `STCH`.

    After one epoch of warm-up, the loss that has fallen less weighs more.

    >>> from mtlray import STCHMultiTask, try_out
    >>> try_out(STCHMultiTask(warmup_epochs=0), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.5000, 1.0000],
            [0.7143, 1.4286],
            [0.7692, 1.5385]])
    """

    mu: float = 1.0
    warmup_epochs: int = 4
    epsilon: float = 1e-8

    key: ClassVar[str] = "stch_mtl"
    source: ClassVar[str] = "Lin et al. 2024, ICML, arXiv 2402.19078, code"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("epochs",))

    def __post_init__(self) -> None:
        require(self.mu > 0, "mu", "be positive", self.mu)
        require(self.warmup_epochs >= 0, "warmup_epochs", "not be negative", self.warmup_epochs)
        require(self.epsilon >= 0, "epsilon", "not be negative", self.epsilon)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers={"nadir": torch.ones(len(seeds), len(tasks)), "epochs": torch.zeros(len(seeds), 1)})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        n_tasks, shifted, nadir = losses.shape[1], losses + self.epsilon, state.buffers["nadir"] + self.epsilon
        warm = (state.buffers["epochs"] > self.warmup_epochs).all(dim=1, keepdim=True)
        exponents = (shifted / nadir).log() / self.mu
        smooth = n_tasks * self.mu * torch.logsumexp(exponents, dim=1)
        objective = torch.where(warm.squeeze(1), smooth, shifted.log().sum(dim=1))
        share = n_tasks * torch.softmax(exponents, dim=1)
        weights = torch.where(warm, share, torch.ones_like(share)) / shifted
        return objective, weights, state

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        epochs = state.buffers["epochs"]
        nadir = torch.where(epochs == self.warmup_epochs, mean_losses, state.buffers["nadir"])
        return State(buffers={"nadir": nadir, "epochs": epochs + 1})
