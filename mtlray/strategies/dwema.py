"""Dynamic weighted scaling by the moving average: EMA times the weights of dynamic weight average. A reconstruction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.strategies.numerics.averages import MovingAverage, epoch_means, epoch_ratio, sum_to_n_tasks, with_epoch
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class DWEMA(AbstractWeighting):
    r"""Dynamic weighted exponential moving average (after Lakkapragada et al., AAAI 2023; a reconstruction).

    .. math::
        \mathcal{L} = \sum_k \lambda_k \frac{L_k}{E_k + \epsilon}, \qquad
        \lambda_k = K \frac{\exp(r_k / T)}{\sum_i \exp(r_i / T)}

    - :math:`L_k` is the mini-batch loss of task k, :math:`E_k` its moving average as in `EMA`.
    - :math:`r_k` is the ratio of task k's mean losses of the last two epochs, as in `DWA`; :math:`\lambda_k` is one during the
      first two epochs.
    - :math:`K` is the number of tasks, :math:`T` is `temperature`; the larger, the nearer to `EMA`.

    The weight of task k is :math:`\lambda_k / E_k`. `beta`, `cadence`, `renorm` and `epsilon` are those of `EMA`.

    Reading: the paper's full text could not be had. A third party's summary (bohrium.com) names the method and the order,
    first the scaling, then the training rate; the formula is ours. Results are not the paper's.

    The first steps are those of `EMA`; then the loss that falls more slowly gains.

    >>> from mtlray import DWEMA, try_out
    >>> try_out(DWEMA(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.5000, 1.0000],
            [0.5263, 1.0101],
            [0.5030, 1.1210]])
    """

    beta: float = 0.9
    temperature: float = 2.0
    cadence: Literal["batch", "epoch"] = "batch"
    renorm: bool = False
    epsilon: float = 1e-8

    key: ClassVar[str] = "dwema"
    source: ClassVar[str] = "after Lakkapragada et al. 2023, AAAI, abstract (reconstruction)"
    faithfulness: ClassVar[Faithfulness] = "reconstruction"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("count", "epochs"))

    def __post_init__(self) -> None:
        MovingAverage(self.beta, self.cadence)  # raises SpecError
        require(self.temperature > 0, "temperature", "be positive", self.temperature)
        require(self.epsilon >= 0, "epsilon", "not be negative", self.epsilon)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        average = MovingAverage(self.beta, self.cadence).init(len(seeds), len(tasks))
        return State(buffers={**average, **epoch_means(len(seeds), len(tasks))})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        buffers = MovingAverage(self.beta, self.cadence).after_batch(losses.detach(), state.buffers)
        share = torch.softmax(epoch_ratio(buffers, self.epsilon) / self.temperature, dim=1)
        weights = losses.shape[1] * share / (buffers["average"] + self.epsilon)
        if self.renorm:
            weights = sum_to_n_tasks(weights)
        return (weights * losses).sum(dim=1), weights, State(buffers=buffers)

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        buffers = MovingAverage(self.beta, self.cadence).after_epoch(mean_losses, state.buffers)
        return State(buffers=with_epoch(mean_losses, buffers))
