"""GO4Align: tasks whose indicators of risk are alike form a group and share a weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import integer, require
from mtlray.errors import SpecError
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.strategies.numerics.clusters import group_means
from mtlray.tasks.task import Task

_EPSILON = 1e-8


@dataclass(frozen=True)
class GO4Align(AbstractWeighting):
    r"""Group optimisation for task alignment, GO4Align (Shen et al., NeurIPS 2024, arXiv 2404.06486).

    .. math::
        \mathcal{L} = \sum_k \bar\gamma_{c(k)} L_k, \qquad \gamma_k = p_k \frac{\sum_j L_j}{L_k}, \qquad
        p_k \leftarrow \frac{p_k \exp(-\eta L_k)}{\sum_j p_j \exp(-\eta L_j)}

    - :math:`L_k` is the mini-batch loss of task k, which should not be negative; in the weights it is a constant for the
      gradient.
    - :math:`p` starts at :math:`1/K` and is updated before it is used; :math:`\eta` is `step_size`.
    - :math:`c(k)` is the group of task k: `n_groups` groups with the smallest sum of squares of :math:`\gamma` within them;
      :math:`\bar\gamma` is the mean of a group.

    With one group all tasks weigh alike, and with as many groups as tasks each has its own :math:`\gamma_k`. Equal losses weigh
    one.

    Reading: the groups are the exact solution of k-means in one dimension, as numbers have an order; the authors' code searches
    for it from a random start. `step_size` is theirs; the number of groups depends on the data set there.

    With two tasks and two groups, the weights are nearly the inverse losses.

    >>> from mtlray import GO4Align, try_out
    >>> try_out(GO4Align(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.7500, 1.5001],
            [0.9499, 1.0556],
            [1.0624, 0.9445]])
    """

    n_groups: int = 2
    step_size: float = 1e-4

    key: ClassVar[str] = "go4align"
    source: ClassVar[str] = "Shen et al. 2024, NeurIPS, arXiv 2404.06486; authors' code"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(shares={"shares": "one"})

    def __post_init__(self) -> None:
        require(integer("n_groups", self.n_groups) >= 1, "n_groups", "be at least 1", self.n_groups)
        require(self.step_size >= 0, "step_size", "not be negative", self.step_size)

    def check(self, tasks: Sequence[Task]) -> None:
        """Raises SpecError where there are fewer tasks than groups, one task alone excepted."""
        if 1 < len(tasks) < self.n_groups:
            raise SpecError(
                f"Parameter `n_groups` of GO4Align should be at most the number of tasks, {len(tasks)}. Found {self.n_groups}."
            )

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers={"shares": torch.full((len(seeds), len(tasks)), 1 / len(tasks))})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        values = losses.detach()
        # The softmax is the same product, and cannot vanish for all tasks at once.
        shares = torch.softmax(state.buffers["shares"].log() - self.step_size * values, dim=1)
        risks = shares * values.sum(dim=1, keepdim=True) / (values + _EPSILON)
        finite = torch.isfinite(risks).all(dim=1, keepdim=True)
        groups = group_means(torch.where(finite, risks, 0.0), min(self.n_groups, losses.shape[1]))
        weights = torch.where(finite, groups, torch.nan)
        return (weights * losses).sum(dim=1), weights, state.with_buffers(shares=shares)
