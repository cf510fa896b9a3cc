"""Smooth Tchebycheff scalarization: a smooth form of the largest weighted loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, State
from mtlray.strategies.checks import require_one_for_each
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class STCH(AbstractWeighting):
    r"""Smooth Tchebycheff scalarization (Lin et al., ICML 2024, arXiv 2402.19078).

    .. math:: \mathcal{L} = \mu \log \sum_k \exp \Big( \frac{\lambda_k (L_k - z_k)}{\mu} \Big)

    - :math:`L_k` is the mini-batch loss of task k.
    - :math:`\lambda_k` is the k-th of `weights`, the preferences; None stands for 1/K each.
    - :math:`z_k` is the k-th of `reference`, the ideal values; None stands for zeros.
    - :math:`\mu` is `mu`; the smaller, the nearer to the largest of the terms.

    The weight of task k is :math:`\lambda_k p_k` with p the softmax of the exponents. With the default preferences the weights
    sum to :math:`1 / K`: at one learning rate this takes far shorter steps than `Equal`.

    Reading: the plain formula on raw losses, as TorchJD. What the authors and LibMTL run for multi-task learning, on
    normalised logarithms after a warm-up, is `STCHMultiTask`. The authors try mu between 0.01 and 1.

    A soft maximum of the losses: the larger one weighs more.

    >>> from mtlray import STCH, try_out
    >>> try_out(STCH(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.3112, 0.1888],
            [0.2562, 0.2438],
            [0.2438, 0.2562]])
    """

    mu: float = 1.0
    weights: tuple[float, ...] | None = None
    reference: tuple[float, ...] | None = None

    key: ClassVar[str] = "stch"
    source: ClassVar[str] = "Lin et al. 2024, ICML, arXiv 2402.19078"
    extra_memory: ClassVar[str] = "K"

    def __post_init__(self) -> None:
        require(self.mu > 0, "mu", "be positive", self.mu)
        good = self.weights is None or all(weight > 0 for weight in self.weights)
        require(good, "weights", "hold positive numbers or be None", self.weights)

    def check(self, tasks: Sequence[Task]) -> None:
        """Raises SpecError where there is not one preference or ideal value for each task."""
        require_one_for_each("weights", self.weights, tasks)
        require_one_for_each("reference", self.reference, tasks)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        self.check(tasks)
        n_tasks = len(tasks)
        preference = torch.tensor([float(w) for w in self.weights or (1 / n_tasks,) * n_tasks])
        ideal = torch.tensor([float(z) for z in self.reference or (0.0,) * n_tasks])
        return State(
            buffers={n: t.expand(len(seeds), -1).clone() for n, t in (("preference", preference), ("ideal", ideal))}
        )

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        exponents = state.buffers["preference"] * (losses - state.buffers["ideal"]) / self.mu
        # torch's logsumexp and softmax subtract the maximum, so large losses and small mu cannot overflow.
        weights = state.buffers["preference"] * torch.softmax(exponents, dim=1)
        return self.mu * torch.logsumexp(exponents, dim=1), weights, state
