"""Constant weights: linear scalarization, the baseline that other methods should be compared with at its best weights."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, State
from mtlray.strategies.checks import require_one_for_each
from mtlray.tasks.task import Task
from mtlray.words.values import shortest


@dataclass(frozen=True)
class Constant(AbstractWeighting):
    r"""Constant weights, elsewhere linear scalarization or grid search (as in Xin et al., NeurIPS 2022).

    .. math:: \mathcal{L} = \sum_k w_k L_k

    - :math:`L_k` is the mini-batch loss of task k.
    - :math:`w_k` is the k-th of `weights`, in the order of the data set's tasks. They are used as given; only their ratio and,
      under SGD, their sum as a factor of the learning rate matter.

    A task of weight zero still has its head, which weight decay may move; `SingleTask` has not. `simplex_grid` gives the
    strategies of a sweep over the weights.

    The weights stay as they are, whatever the losses.

    >>> from mtlray import Constant, try_out
    >>> try_out(Constant(weights=(0.3, 0.7)), [(2, 1), (1, 0.9)]).weights
    tensor([[0.3000, 0.7000],
            [0.3000, 0.7000]])
    """

    weights: tuple[float, ...]

    key: ClassVar[str] = "constant"
    kind: ClassVar[Literal["baseline", "loss-based", "gradient-based"]] = "baseline"
    source: ClassVar[str] = "Xin et al. 2022, NeurIPS"
    extra_memory: ClassVar[str] = "K"

    def __post_init__(self) -> None:
        good = all(math.isfinite(weight) and weight >= 0 for weight in self.weights)
        require(good, "weights", "hold finite numbers, none of them negative", self.weights)
        require(any(weight > 0 for weight in self.weights), "weights", "not all be zero", self.weights)

    @property
    def label(self) -> str:
        shown = ",".join(shortest(w) for w in self.weights)
        return f"{self.key}({shown})"

    def check(self, tasks: Sequence[Task]) -> None:
        """Raises SpecError where there is not one weight for each task."""
        require_one_for_each("weights", self.weights, tasks)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        self.check(tasks)
        return State(buffers={"weights": torch.tensor([float(w) for w in self.weights]).expand(len(seeds), -1).clone()})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        weights = state.buffers["weights"]
        return (weights * losses).sum(dim=1), weights, state


def simplex_grid(n_tasks: int, points: int) -> tuple[Constant, ...]:
    """Constant weights on a regular grid over the simplex, each positive, with sum `n_tasks`.

    Each weight takes `points` values. For two tasks and nine points these are (0.2, 1.8), (0.4, 1.6), ... (1.8, 0.2), the
    usual 0.1 to 0.9 times two, so that equal weights are those of `Equal`. For K tasks there are C(points + K - 2, K - 1)
    strategies. Raises SpecError for fewer than two tasks or no point.
    """
    require(n_tasks >= 2, "n_tasks", "be at least 2", n_tasks)
    require(points >= 1, "points", "be at least 1", points)
    parts = points + n_tasks - 1  # the simplex is cut into this many steps, of which each weight gets at least one
    grid = []
    for cuts in itertools.combinations(range(1, parts), n_tasks - 1):
        steps = [end - start for start, end in zip((0, *cuts), (*cuts, parts), strict=True)]
        grid.append(Constant(tuple(n_tasks * step / parts for step in steps)))
    return tuple(grid)
