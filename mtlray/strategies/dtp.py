"""Dynamic task prioritization: a task at which the network still fails weighs more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Seeds, Weights
from mtlray.checks import require
from mtlray.errors import SpecError
from mtlray.strategies.base import AbstractStrategy, Faithfulness, State
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses


@dataclass(frozen=True)
class DTP(AbstractStrategy):
    r"""Dynamic task prioritization (Guo, Haque, Huang, Yeung, Fei-Fei, ECCV 2018), between tasks.

    .. math::
        \mathcal{L} = \sum_k w_k L_k, \qquad w_k = -(1 - \kappa_k)^\gamma \log \kappa_k, \qquad
        \kappa_k \leftarrow \beta \kappa_k + (1 - \beta) m_k

    - :math:`L_k` is the mini-batch loss of task k.
    - :math:`m_k` is its performance on the same mini-batch, from 0 to 1: the first of its metrics that has a bound, such as
      accuracy, over that bound. :math:`\kappa_k` averages it; it starts at the first value and holds the present one.
    - :math:`\gamma` is `gamma`; the larger, the faster a task that is learned loses weight.
    - :math:`\beta` is `beta`. :math:`\kappa` is kept above `floor`, because the weight has a pole at zero.

    The weights have no fixed sum: all vanish once all tasks are solved, and so does the step. A task without a bounded
    metric, such as a reconstruction, cannot be trained.

    Reading: the weights between tasks; the paper also weighs the examples of a task, by a focal loss. `beta`, `floor` and
    `gamma` = 1 are ours, as the performance on the training batch is.

    The task that is less accurate weighs more.

    >>> from mtlray import DTP, try_out
    >>> try_out(DTP(), [(2, 1), (1, 0.9), (0.8, 0.9)], metrics=(0.9, 0.5)).weights
    tensor([[0.0105, 0.3466],
            [0.0105, 0.3466],
            [0.0105, 0.3466]])
    """

    gamma: float = 1.0
    beta: float = 0.9
    floor: float = 0.01

    key: ClassVar[str] = "dtp"
    source: ClassVar[str] = "Guo et al. 2018, ECCV, its weights between tasks"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K"

    def __post_init__(self) -> None:
        require(self.gamma >= 0, "gamma", "not be negative", self.gamma)
        require(0 <= self.beta < 1, "beta", "lie in [0, 1)", self.beta)
        require(0 < self.floor < 1, "floor", "lie in (0, 1)", self.floor)

    def check(self, tasks: Sequence[Task]) -> None:
        """Raises SpecError where a task has no bounded metric."""
        for task in tasks:
            if task.bounded_metric is None:
                found = ", ".join(metric.name for metric in task.metrics) or "none"
                raise SpecError(
                    f"Strategy {self.label} needs a metric with a bound for each task, such as accuracy. Task {task.name} "
                    f"has none (its metrics: {found}). Choose another strategy, or leave the task out of the data set."
                )

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        self.check(tasks)
        average = torch.zeros(len(seeds), len(tasks))
        return State(buffers={"average": average, "count": average.clone()})

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        (batch,) = losses
        found = batch.bounded_metrics().to(batch.values.dtype)
        average, count = state.buffers["average"], state.buffers["count"]
        known = found >= 0  # a batch without a label has nothing to measure, and gives nan
        blend = torch.where(count == 0, found, self.beta * average + (1 - self.beta) * found)
        average = torch.where(known, blend, average)
        success = average.clamp(min=self.floor, max=1)
        weights = (1 - success) ** self.gamma * -success.log()
        torch.autograd.backward(batch.values, weights)
        return weights, State(buffers={"average": average, "count": count + known})
