"""MoCo: each task's gradient is tracked by a moving average, so that weights follow no single batch's noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mtlray.axes import Direction, Jacobian, Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractAggregation, ByTask, Faithfulness, State
from mtlray.strategies.gramian import precise_gramian
from mtlray.tasks.task import Task

_EPSILON = 1e-8


@dataclass(frozen=True)
class MoCo(AbstractAggregation):
    r"""Multi-objective gradient correction (Fernando, Shen, Liu, Chaudhury, Murugesan, Chen, ICLR 2023).

    .. math::
        y_k \leftarrow y_k - \frac{\beta}{t^{\sigma_\beta}} \Big( y_k - \frac{L_k}{|g_k|} g_k \Big), \qquad
        \lambda \leftarrow \mathrm{softmax}\Big( \lambda - \frac{\gamma}{t^{\sigma_\gamma}}
        (Y Y^\top + \rho I) \lambda \Big), \qquad d = \sum_k \lambda_k y_k

    - :math:`g_k` is the gradient of task k's loss :math:`L_k` with respect to the trunk; :math:`t` counts steps from one.
    - :math:`y_k` tracks it, scaled to the length of the loss; it starts at zero. :math:`Y` stacks the :math:`y_k`.
    - :math:`\lambda` starts at :math:`1/K` and sums to one. It is shown in the curves as the scalars `lambda_0`, ...
    - :math:`\beta` and :math:`\sigma_\beta` are `beta` and `beta_decay`, :math:`\gamma` and :math:`\sigma_\gamma` are `gamma`
      and `gamma_decay`; :math:`\rho` is `rho`, which draws the weights together.
    - :math:`d` is what the trunk follows. It is not a weighted sum of this batch's gradients, so the weights are nan.

    Reading: as LibMTL, after code that the author shared: gradients are scaled by their losses, and a softmax keeps
    :math:`\lambda` on the simplex. With K = 2 a softmax of numbers near the simplex gives weights between 0.27 and 0.73.

    The averages of the gradients start at zero, so the first direction is short.

    >>> from mtlray import MoCo, try_out
    >>> try_out(MoCo(), [(2, 1), (1, 0.9), (0.8, 0.9)], [(3, 0), (-1, 1)]).directions
    tensor([[0.3105, 0.1801],
            [0.2594, 0.2311],
            [0.2076, 0.2568]])
    """

    beta: float = 0.5
    beta_decay: float = 0.5
    gamma: float = 0.1
    gamma_decay: float = 0.5
    rho: float = 0.0

    key: ClassVar[str] = "moco"
    source: ClassVar[str] = "Fernando et al. 2023, ICLR; code in LibMTL"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K·P"
    has_weights: ClassVar[bool] = False
    by_task: ClassVar[ByTask] = ByTask(counters=("steps",), shares={"lambda": "one"})

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.beta <= 1, "beta", "lie in (0, 1]", self.beta)
        require(self.gamma > 0, "gamma", "be positive", self.gamma)
        for name, value in (("beta_decay", self.beta_decay), ("gamma_decay", self.gamma_decay), ("rho", self.rho)):
            require(value >= 0, name, "not be negative", value)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        equal = torch.full((len(seeds), len(tasks)), 1 / len(tasks))
        return State(buffers={"lambda": equal, "steps": torch.zeros(len(seeds), 1)})

    def allocate(self, state: State, n_shared: int) -> State:
        return state.with_buffers(tracked=torch.zeros(*state.buffers["lambda"].shape, n_shared))

    def aggregate(self, jacobian: Jacobian, losses: Losses, state: State) -> tuple[Direction, Weights, State]:
        steps, before = state.buffers["steps"] + 1, state.buffers["lambda"]
        factors = losses / (torch.linalg.vector_norm(jacobian, dim=2) + _EPSILON)
        rate = (self.beta / steps**self.beta_decay).unsqueeze(2)
        tracked = torch.lerp(state.buffers["tracked"], factors.unsqueeze(2) * jacobian, rate)
        gramian = precise_gramian(tracked)
        slope = (gramian @ before.to(gramian).unsqueeze(2)).squeeze(2) + self.rho * before
        step = steps.amax(dim=1, keepdim=True)  # the same for all tasks but where labels are missing
        weights = torch.softmax(before - self.gamma / step**self.gamma_decay * slope, dim=1).to(before)
        direction = (weights.unsqueeze(1) @ tracked).squeeze(1)
        after = {"lambda": weights, "steps": steps, "tracked": tracked}
        return direction, torch.full_like(weights, torch.nan), State(buffers=after)

    def scalars(self, state: State) -> dict[str, PerSeed]:
        columns: Sequence[Tensor] = state.buffers["lambda"].unbind(dim=1)
        return {f"lambda_{k}": column for k, column in enumerate(columns)}
