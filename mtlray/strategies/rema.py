"""Rated scaling by the moving average: EMA times the rate at which each loss falls. A reconstruction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.strategies.numerics.averages import MovingAverage, epoch_means, epoch_ratio, sum_to_n_tasks, with_epoch
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class REMA(AbstractWeighting):
    r"""Rated exponential moving average (after Lakkapragada et al., AAAI 2023; a reconstruction).

    .. math::
        \mathcal{L} = \sum_k r_k \frac{L_k}{E_k + \epsilon}, \qquad
        r_k = \frac{\bar L_k(e-1) + \epsilon}{\bar L_k(e-2) + \epsilon}

    - :math:`L_k` is the mini-batch loss of task k, :math:`E_k` its moving average as in `EMA`.
    - :math:`\bar L_k(e)` is task k's unweighted training loss, mean over the batches of epoch e.
    - :math:`r_k` is the rate of dynamic weight average, here as it is; one during the first two epochs.

    The weight of task k is :math:`r_k / E_k`. `beta`, `cadence`, `renorm` and `epsilon` are those of `EMA`.

    Reading: the paper's full text could not be had. A third party's summary (bohrium.com) says that the rated average joins
    the scaling with dynamic weight average, the scaling first; that its raw rate and not its softmax is meant is a guess, by
    which this method and `DWEMA` are told apart. Results are not the paper's.

    The first steps are those of `EMA`; the third is multiplied by the ratio of the last two epochs' losses.

    >>> from mtlray import REMA, try_out
    >>> try_out(REMA(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.5000, 1.0000],
            [0.5263, 1.0101],
            [0.2793, 0.9174]])
    """

    beta: float = 0.9
    cadence: Literal["batch", "epoch"] = "batch"
    renorm: bool = False
    epsilon: float = 1e-8

    key: ClassVar[str] = "rema"
    source: ClassVar[str] = "after Lakkapragada et al. 2023, AAAI, abstract (reconstruction)"
    faithfulness: ClassVar[Faithfulness] = "reconstruction"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("count", "epochs"))

    def __post_init__(self) -> None:
        MovingAverage(self.beta, self.cadence)  # raises SpecError
        require(self.epsilon >= 0, "epsilon", "not be negative", self.epsilon)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        average = MovingAverage(self.beta, self.cadence).init(len(seeds), len(tasks))
        return State(buffers={**average, **epoch_means(len(seeds), len(tasks))})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        buffers = MovingAverage(self.beta, self.cadence).after_batch(losses.detach(), state.buffers)
        weights = epoch_ratio(buffers, self.epsilon) / (buffers["average"] + self.epsilon)
        if self.renorm:
            weights = sum_to_n_tasks(weights)
        return (weights * losses).sum(dim=1), weights, State(buffers=buffers)

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        buffers = MovingAverage(self.beta, self.cadence).after_epoch(mean_losses, state.buffers)
        return State(buffers=with_epoch(mean_losses, buffers))
