"""Impartial multi-task learning, both parts: learned scales of the losses, and the gradient balance for the trunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Seeds, Weights
from mtlray.strategies.base import AbstractGradientBased, State
from mtlray.strategies.imtl_g import IMTLG
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses


@dataclass(frozen=True)
class IMTL(AbstractGradientBased):
    r"""Impartial multi-task learning, IMTL (Liu et al., ICLR 2021, algorithm 1): `IMTLL` for the scales, `IMTLG` for the trunk.

    .. math::
        \text{heads and scales:} \quad \min \sum_k e^{s_k} L_k - s_k, \qquad
        \text{trunk:} \quad d = \sum_k \alpha_k e^{s_k} g_k \quad \text{with} \quad u_1^\top d = \dots = u_K^\top d,
        \qquad \sum_k \alpha_k = 1

    - :math:`L_k` is the mini-batch loss of task k and :math:`g_k` its gradient in the trunk, :math:`u_k = g_k / |g_k|`.
    - :math:`s_k` is learned, starting from zero, by the trial's optimizer in a group of its own.

    The weight of task k is :math:`\alpha_k e^{s_k}`. Its direction in the trunk is that of `IMTLG`, because equal projections do
    not depend on the scales of the losses; the scales decide its length, and how fast the heads learn. `head_grad="weighted"`
    multiplies the heads' gradients by :math:`\alpha_k` too. What holds of dependent gradients holds as for `IMTLG`.

    The trunk follows the bisector; the scale of the larger loss falls first.

    >>> from mtlray import IMTL, try_out
    >>> try_out(IMTL(), [(2, 1), (1, 0.9)], [(3, 0), (-1, 1)]).weights
    tensor([[0.3204, 0.6796],
            [0.3099, 0.6575]])
    """

    key: ClassVar[str] = "imtl"
    source: ClassVar[str] = "Liu et al. 2021, ICLR, algorithm 1"
    extra_memory: ClassVar[str] = "K"

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(params={"log_scale": torch.zeros(len(seeds), len(tasks), requires_grad=True)})

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        (batch,) = losses
        log_scale = state.params["log_scale"]
        scales, values = log_scale.detach().exp(), batch.values.detach()
        log_scale.grad = scales * values - 1
        jacobian = batch.jacobian()
        _, shares, _ = IMTLG().aggregate(scales.unsqueeze(2) * jacobian, values, State())
        weights = shares * scales
        direction = (weights.unsqueeze(1) @ jacobian).squeeze(1)
        if self.head_grad == "unweighted":
            batch.weigh_heads(scales)
        return self.apply(batch, direction, weights, lambda: jacobian.sum(dim=1)), state
