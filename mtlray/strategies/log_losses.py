"""Any strategy on the logarithms of the losses."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mtlray.axes import Losses, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import State
from mtlray.strategies.wrapping import AbstractWrapper
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses


@dataclass(frozen=True)
class LogLosses(AbstractWrapper):
    r"""Another strategy on the logarithms of the losses, the LOG- variants of FAMO's and MTLlib's comparisons.

    .. math:: L_k \to \log(L_k + \epsilon), \qquad g_k \to \frac{g_k}{L_k + \epsilon}

    - :math:`L_k` is the mini-batch loss of task k, which should not be negative, and :math:`g_k` its gradient.
    - :math:`\epsilon` is `epsilon`, which keeps the gradients finite where a loss is zero.

    The tasks' gradients no longer depend on the units of the losses. `strategy` sees nothing but logarithms, which may be
    negative: methods that divide by losses do not go well with them. At the end of an epoch it sees the logarithm of the mean
    loss. The recorded weight of task k is that of the strategy over :math:`L_k + \epsilon`: what the gradient of the loss itself
    is multiplied with.

    Around `Equal` it is `ScaleInvariant`.

    >>> from mtlray import Equal, LogLosses, try_out
    >>> try_out(LogLosses(Equal()), [(2, 1), (1, 0.5)]).weights
    tensor([[0.5000, 1.0000],
            [1.0000, 2.0000]])
    """

    epsilon: float = 1e-8

    key: ClassVar[str] = "log"
    source: ClassVar[str] = "Liu et al. 2023, NeurIPS (FAMO), comparison; MTLlib"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.epsilon >= 0, "epsilon", "not be negative", self.epsilon)

    def _own(self, tasks: Sequence[Task], seeds: Seeds) -> dict[str, Tensor]:
        del tasks, seeds
        return {}

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        weights, state = self.strategy.backward([self._on_logs(batch) for batch in losses], state)
        return weights / (losses[-1].values.detach() + self.epsilon), state

    def end_step(self, losses: Sequence[TaskLosses], state: State) -> State:
        return self.strategy.end_step([self._on_logs(batch) for batch in losses], state)

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        return self.strategy.end_epoch((mean_losses + self.epsilon).log(), state)

    def _on_logs(self, batch: TaskLosses) -> TaskLosses:
        separate = None if batch.separate is None else [(loss + self.epsilon).log() for loss in batch.separate]
        return dataclasses.replace(
            batch,
            values=(batch.values + self.epsilon).log(),
            separate=separate,
            recompute=lambda: (batch.recompute() + self.epsilon).log(),
        )
