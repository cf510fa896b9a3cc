"""Excess risks: a task whose gradient says that much loss is left to gain weighs more, whatever noise its labels have."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch

from mtlray.axes import Direction, Jacobian, Losses, Seeds, Weights
from mtlray.checks import require, require_choice
from mtlray.strategies.base import AbstractAggregation, ByTask, Faithfulness, State
from mtlray.tasks.task import Task

_EPSILON = 1e-7


@dataclass(frozen=True)
class ExcessMTL(AbstractAggregation):
    r"""Multi-task learning with excess risks (He et al., ICML 2024, eqs. 6, 7 and 9).

    .. math::
        w_k \propto w_k \exp\Big( \eta \frac{E_k}{E_k^0} \Big), \qquad
        E_k = \sum_p \frac{g_{kp}^2}{\sqrt{S_{kp} + \epsilon}}, \qquad S_{kp} \leftarrow S_{kp} + g_{kp}^2

    - :math:`g_k` is the gradient of task k's loss with respect to the trunk, p one of its parameters.
    - :math:`E_k` estimates the excess risk, what the loss is above the least that can be reached: a quadratic model with the
      root of the sum :math:`S_k` of squared gradients, over all steps so far, for curvature.
    - :math:`E_k^0` is the mean of :math:`E_k` over the first `warmup_steps` steps, during which the weights stay equal.
    - :math:`\eta` is `step_size`. :math:`E_k` is never negative, so that weights drift apart for ever; the authors' command
      line has 0.01, their examples 1.
    - The weights sum to K with `weights_sum="n_tasks"`, to one with "one".

    Reading: as the authors' code, which takes :math:`E^0` from the first step (the paper: from three epochs), sums to K (the
    paper: to one) and lets the heads follow their weighted losses. Logarithms of weights are kept, so nothing overflows.

    With the same gradients at each step, both risks fall alike, and the weights stay equal.

    >>> from mtlray import ExcessMTL, try_out
    >>> try_out(ExcessMTL(), [(2, 1), (1, 0.9), (0.8, 0.9)] * 2, [(3, 0), (-1, 1)]).weights[-1]
    tensor([1., 1.])
    """

    step_size: float = 0.01
    warmup_steps: int = 1
    weights_sum: Literal["n_tasks", "one"] = "n_tasks"
    head_grad: Literal["unweighted", "weighted"] = field(default="weighted", kw_only=True)

    key: ClassVar[str] = "excess_mtl"
    source: ClassVar[str] = "He et al. 2024, ICML, eqs. 6, 7 and 9; code"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K·P"
    by_task: ClassVar[ByTask] = ByTask(counters=("steps",), shares={"log_weights": "log"})

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.step_size > 0, "step_size", "be positive", self.step_size)
        require(self.warmup_steps >= 1, "warmup_steps", "be at least 1", self.warmup_steps)
        require_choice("weights_sum", self.weights_sum, ("n_tasks", "one"))

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        zeros = torch.zeros(len(seeds), len(tasks))
        equal = torch.log_softmax(zeros, dim=1)
        return State(buffers={"log_weights": equal, "reference": zeros, "steps": torch.zeros(len(seeds), 1)})

    def allocate(self, state: State, n_shared: int) -> State:
        return state.with_buffers(squares=torch.zeros(*state.buffers["reference"].shape, n_shared))

    def aggregate(self, jacobian: Jacobian, losses: Losses, state: State) -> tuple[Direction, Weights, State]:
        del losses
        buffers, squared = state.buffers, jacobian.square()
        squares = buffers["squares"] + squared
        excess = (squared / (squares + _EPSILON).sqrt()).sum(dim=2)
        warm = buffers["steps"] < self.warmup_steps
        reference = torch.where(warm, buffers["reference"] + excess / self.warmup_steps, buffers["reference"])
        moved = buffers["log_weights"] + self.step_size * excess / (reference + _EPSILON)
        moved = torch.where(warm, buffers["log_weights"], moved)
        all_warm = warm.all(dim=1, keepdim=True)
        logs = torch.where(all_warm, buffers["log_weights"], torch.log_softmax(moved, dim=1))
        weights = logs.exp() * (jacobian.shape[1] if self.weights_sum == "n_tasks" else 1)
        after = {"log_weights": logs, "reference": reference, "steps": buffers["steps"] + 1, "squares": squares}
        return (weights.unsqueeze(1) @ jacobian).squeeze(1), weights, State(buffers=after)
