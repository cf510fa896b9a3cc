"""Scaled loss approximate weighting: each loss is divided by its running standard deviation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.strategies.numerics.averages import sum_to_n_tasks
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class SLAW(AbstractWeighting):
    r"""Scaled loss approximate weighting (Crawshaw and Košecká 2021, arXiv 2109.08218).

    .. math::
        \mathcal{L} = \sum_k w_k L_k, \qquad w_k = K \frac{1 / s_k}{\sum_j 1 / s_j}, \qquad
        s_k = \sqrt{E[L_k^2] - E[L_k]^2}

    - :math:`L_k` is the mini-batch loss of task k; in the weights it is a constant for the gradient.
    - :math:`E` is a moving average with the decay :math:`\beta`, `beta`; :math:`s_k` approximates the size of the gradient.
    - :math:`K` is the number of tasks; the weights sum to it, and are one at the first step.
    - `floor` keeps :math:`s_k` above a bound.

    Reading: as in the authors' code, the average is the arithmetic mean over the first :math:`1 / (1 - \beta)` steps. The
    variance is updated by its deviation from the mean, which equals the difference of the two averages and cannot be negative.

    The loss that varies less weighs more.

    >>> from mtlray import SLAW, try_out
    >>> try_out(SLAW(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[1.0000, 1.0000],
            [0.1818, 1.8182],
            [0.1648, 1.8352]])
    """

    beta: float = 0.99
    floor: float = 1e-5

    key: ClassVar[str] = "slaw"
    source: ClassVar[str] = "Crawshaw and Košecká 2021, arXiv 2109.08218"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("steps",))

    def __post_init__(self) -> None:
        require(0 <= self.beta < 1, "beta", "lie in [0, 1)", self.beta)
        require(self.floor > 0, "floor", "be positive", self.floor)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        zeros = torch.zeros(len(seeds), len(tasks))
        return State(buffers={"mean": zeros, "variance": zeros.clone(), "steps": torch.zeros(len(seeds), 1)})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        steps = state.buffers["steps"] + 1
        rate = (1 / steps).clamp(min=1 - self.beta)
        deviation = losses.detach() - state.buffers["mean"]
        mean = state.buffers["mean"] + rate * deviation
        variance = (1 - rate) * (state.buffers["variance"] + rate * deviation.square())
        weights = sum_to_n_tasks(1 / variance.sqrt().clamp(min=self.floor))
        return (
            (weights * losses).sum(dim=1),
            weights,
            State(buffers={"mean": mean, "variance": variance, "steps": steps}),
        )
