"""Periodic weights: those of another strategy, computed anew at every few steps and kept in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mtlray.axes import Losses, Seeds, Weights
from mtlray.checks import integer, require
from mtlray.errors import SpecError
from mtlray.strategies.base import AbstractGradientBased, AbstractStrategy, ByTask, Faithfulness, State
from mtlray.strategies.weight_momentum import WeightMomentum
from mtlray.strategies.wrapping import AbstractWeightsWrapper
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses


@dataclass(frozen=True)
class PeriodicWeights(AbstractWeightsWrapper):
    r"""Weights that are renewed periodically (after Xu et al., PSMGD, AAAI 2025, arXiv 2412.10961), around another strategy.

    .. math:: d_t = \sum_k \lambda_{k, \lfloor t / R \rfloor R}\; g_{k, t}

    - :math:`\lambda_t` are the weights that `strategy` gives at step t; they are computed at the steps 0, R, 2R, ...
    - :math:`R` is `every`. In between one backward pass does, whatever the strategy costs.

    Between two renewals nothing else of the strategy moves: it does not see these steps' losses, and what it learns, such as
    uncertainties, stays. Its ends of epochs are as always. A task without a label at a renewal keeps the weight of
    the one before. Heads follow their own losses at every step, or the weighted ones where the strategy's `head_grad` says so.

    Reading: the direction itself is not averaged, which is `WeightMomentum`'s part and may stand
    inside; the paper combines both. Strategies without weights, on several batches a step, and those on gradients that train
    numbers of their own are refused.

    >>> from mtlray import PeriodicWeights, RLW, try_out
    >>> weights = try_out(PeriodicWeights(RLW(), every=2), [(1, 1)] * 4).weights
    >>> (weights[0] == weights[1]).all(), (weights[1] == weights[2]).any()
    (tensor(True), tensor(False))
    """

    every: int = 8

    key: ClassVar[str] = "periodic"
    source: ClassVar[str] = "after Xu et al. 2025, AAAI, arXiv 2412.10961 (PSMGD)"
    faithfulness: ClassVar[Faithfulness] = "reading"
    own_by_task: ClassVar[ByTask] = ByTask(in_step=True)
    own_on_cpu: ClassVar[tuple[str, ...]] = ("step",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(integer("every", self.every) >= 1, "every", "be at least 1", self.every)
        if self.strategy.batches_per_step > 1:
            raise SpecError(
                f"Parameter `strategy` of PeriodicWeights should look at one batch a step. Found `{self.strategy.label}`, which "
                f"looks at {self.strategy.batches_per_step}."
            )

    def check(self, tasks: Sequence[Task]) -> None:
        """Raises SpecError where the inner strategy does, or trains numbers of its own from gradients."""
        super().check(tasks)
        if isinstance(self._inmost, AbstractGradientBased) and self._inmost.init(tasks, torch.zeros(1).long()).params:
            raise SpecError(
                f"Parameter `strategy` of PeriodicWeights should have no parameters of its own to train. Found "
                f"`{self.strategy.label}`."
            )

    def _goes_around(self, inner: AbstractStrategy) -> bool:
        return isinstance(inner, WeightMomentum) or super()._goes_around(inner)

    @property
    def _inmost(self) -> AbstractStrategy:
        return self.strategy.strategy if isinstance(self.strategy, WeightMomentum) else self.strategy

    def _own(self, tasks: Sequence[Task], seeds: Seeds) -> dict[str, Tensor]:
        return {"weights": torch.zeros(len(seeds), len(self.trains(tasks))), "step": torch.zeros_like(seeds)}

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        inner, own = self._split(state)
        if self._renews(own):
            weights, inner = self.strategy.backward(losses, inner)
        else:
            (batch,), weights = losses, own["weights"]
            self._follow(batch, weights)
        return weights, self._joined(inner, {**own, "weights": weights.detach()})

    def end_step(self, losses: Sequence[TaskLosses], state: State) -> State:
        inner, own = self._split(state)
        if self._renews(own):
            inner = self.strategy.end_step(losses, inner)
        return self._joined(inner, {**own, "step": own["step"] + 1})

    def _renews(self, own: dict[str, Tensor]) -> bool:
        return int(own["step"][0]) % self.every == 0  # all seeds of a pack are at one step

    def _follow(self, batch: TaskLosses, weights: Weights) -> None:
        """One backward pass through the trunk with given weights."""
        weighted: Losses = weights * batch.values
        inner = self._inmost
        if not isinstance(inner, AbstractGradientBased) or inner.head_grad == "weighted":
            torch.autograd.backward(weighted.sum())
            return
        heads = [parameter for head in batch.heads for parameter in head]
        torch.autograd.backward(weighted.sum(), inputs=list(batch.shared), retain_graph=True)
        torch.autograd.backward(batch.values.sum(), inputs=heads)
