"""Scaling by the moving average: each loss is divided by an exponential moving average of itself. A reconstruction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.strategies.numerics.averages import MovingAverage, sum_to_n_tasks
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class EMA(AbstractWeighting):
    r"""Scaling by the exponential moving average (after Lakkapragada et al., AAAI 2023; a reconstruction).

    .. math::
        \mathcal{L} = \sum_k \frac{L_k}{E_k + \epsilon}, \qquad E_k \leftarrow \beta E_k + (1 - \beta) L_k

    - :math:`L_k` is the mini-batch loss of task k.
    - :math:`E_k` is its moving average, a constant for the gradient; it starts at the first loss and holds the present one.
    - :math:`\beta` is `beta`; the larger, the slower the average. At 0 this is the sum of the logarithms.
    - :math:`\epsilon` is `epsilon`, which keeps the weight of a vanishing loss finite.

    The weight of task k is :math:`1 / E_k`: the scaled losses sum to about K, and under SGD the steps grow as the losses
    shrink. `renorm` scales the weights to sum to K. `cadence="epoch"` averages the mean losses of epochs.

    Reading: of the paper only the abstract could be had, which says that losses are scaled by their exponential moving
    average, and a third party's summary (bohrium.com), by which they are divided by it and `beta` differs between data sets.
    The default of `beta`, the start of the average and the cadence are ours; results are not the paper's.

    Each weight is the inverse of a moving average of the loss.

    >>> from mtlray import EMA, try_out
    >>> try_out(EMA(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.5000, 1.0000],
            [0.5263, 1.0101],
            [0.5587, 1.0194]])
    """

    beta: float = 0.9
    cadence: Literal["batch", "epoch"] = "batch"
    renorm: bool = False
    epsilon: float = 1e-8

    key: ClassVar[str] = "ema"
    source: ClassVar[str] = "after Lakkapragada et al. 2023, AAAI, abstract (reconstruction)"
    faithfulness: ClassVar[Faithfulness] = "reconstruction"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("count",))

    def __post_init__(self) -> None:
        MovingAverage(self.beta, self.cadence)  # raises SpecError
        require(self.epsilon >= 0, "epsilon", "not be negative", self.epsilon)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers=MovingAverage(self.beta, self.cadence).init(len(seeds), len(tasks)))

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        buffers = MovingAverage(self.beta, self.cadence).after_batch(losses.detach(), state.buffers)
        weights = 1 / (buffers["average"] + self.epsilon)
        if self.renorm:
            weights = sum_to_n_tasks(weights)
        return (weights * losses).sum(dim=1), weights, State(buffers=buffers)

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        return State(buffers=MovingAverage(self.beta, self.cadence).after_epoch(mean_losses, state.buffers))
