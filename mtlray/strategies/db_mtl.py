"""Dual balancing: gradients of the losses' logarithms, averaged over the steps and scaled to the length of the longest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Direction, Jacobian, Losses, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractGradientBased, ByTask, Faithfulness, State
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses

_EPSILON = 1e-8


@dataclass(frozen=True)
class DBMTL(AbstractGradientBased):
    r"""Dual-balancing multi-task learning (Lin, Jiang, Ye, Zhang, Chen, Chen, Liu, Kwok, arXiv 2308.12029).

    .. math::
        d = \sum_k \frac{\max_j |b_j|}{|b_k| + \epsilon} b_k, \qquad
        b_k \leftarrow \frac{\beta}{t^\sigma} b_k + \Big( 1 - \frac{\beta}{t^\sigma} \Big) \nabla \log(L_k + \epsilon)

    - :math:`L_k` is the mini-batch loss of task k. Its logarithm balances the losses: multiplying a loss by a constant changes
      nothing. Each head follows the logarithm of its own loss.
    - :math:`b_k` averages the gradients with respect to the trunk; it starts at zero, and :math:`t` counts steps from one.
    - :math:`\beta` and :math:`\sigma` are `beta` and `beta_decay`. At `beta=0` there is no average.
    - :math:`d` is what the trunk follows: all :math:`b_k` get the length of the longest. It is a weighted sum of this batch's
      gradients at `beta=0` only; else the weights are nan.

    Reading: as the authors' code in LibMTL, whose average starts at zero without a correction, so that the first steps are
    :math:`1 - \beta` times as long; :math:`\epsilon` is 1e-8.

    The gradients of the logarithms, (1.5, 0) and (-1, 1), are made equally long and added.

    >>> from mtlray import DBMTL, try_out
    >>> try_out(DBMTL(beta=0), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[0.4393, 1.0607]])
    """

    beta: float = 0.9
    beta_decay: float = 0.0

    key: ClassVar[str] = "db_mtl"
    source: ClassVar[str] = "Lin et al. 2023, arXiv 2308.12029; code in LibMTL"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K·P"
    has_weights: ClassVar[bool] = False
    by_task: ClassVar[ByTask] = ByTask(counters=("steps",))

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.beta < 1, "beta", "lie in [0, 1)", self.beta)
        require(self.beta_decay >= 0, "beta_decay", "not be negative", self.beta_decay)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers={"average": torch.zeros(len(seeds), len(tasks), 0), "steps": torch.zeros(len(seeds), 1)})

    def allocate(self, state: State, n_shared: int) -> State:
        return state.with_buffers(average=torch.zeros(*state.buffers["average"].shape[:2], n_shared))

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        (batch,) = losses
        jacobian, inverse = batch.jacobian(), 1 / (batch.values.detach() + _EPSILON)
        batch.weigh_heads(inverse)
        direction, weights, state = self.balance(inverse.unsqueeze(2) * jacobian, state)
        return self.apply(batch, direction, weights * inverse, lambda: jacobian.sum(dim=1)), state

    def balance(self, gradients: Jacobian, state: State) -> tuple[Direction, Losses, State]:
        """The direction, the factors of the logarithms' gradients in it, nan where there is an average, and the state."""
        steps = state.buffers["steps"] + 1
        average = torch.lerp(gradients, state.buffers["average"], (self.beta / steps**self.beta_decay).unsqueeze(2))
        lengths = torch.linalg.vector_norm(average, dim=2)
        factors = lengths.max(dim=1, keepdim=True).values / (lengths + _EPSILON)
        direction = (factors.unsqueeze(1) @ average).squeeze(1)
        known = factors if self.beta == 0 else torch.full_like(factors, torch.nan)
        return direction, known, State(buffers={"average": average, "steps": steps})
