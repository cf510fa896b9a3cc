"""Momentum of weights: those of another strategy, averaged over the steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mtlray.axes import Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.strategies.wrapping import AbstractWeightsWrapper, keeping
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses


@dataclass(frozen=True)
class WeightMomentum(AbstractWeightsWrapper):
    r"""Momentum of the weights, CR-MOGM (Zhou et al., NeurIPS 2022), around another strategy.

    .. math:: \lambda_t = \alpha \lambda_{t-1} + (1 - \alpha) \hat\lambda_t

    - :math:`\hat\lambda_t` are the weights that `strategy` gives at step t; the update is made with :math:`\lambda_t`.
    - :math:`\alpha` is `alpha`, from 0, which changes nothing, to below 1. The first weights are :math:`\hat\lambda_1`.

    What the strategy itself learns, such as uncertainties, is trained by its own objective.

    Reading: a constant alpha, as TorchJD; the paper's theory lets it rise as the learning rate falls. The average is of the
    weights as they are applied, after `grad_scale`. A strategy without weights is refused.

    >>> from mtlray import RLW, WeightMomentum, try_out
    >>> try_out(WeightMomentum(RLW(), alpha=0.5), [(1, 1)] * 3).weights.sum(dim=1)
    tensor([1.0000, 1.0000, 1.0000])
    """

    alpha: float = 0.9

    key: ClassVar[str] = "momentum"
    source: ClassVar[str] = "Zhou et al. 2022, NeurIPS (CR-MOGM)"
    faithfulness: ClassVar[Faithfulness] = "reading"
    own_by_task: ClassVar[ByTask] = ByTask(counters=("known",))

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.alpha < 1, "alpha", "lie in [0, 1)", self.alpha)

    def _own(self, tasks: Sequence[Task], seeds: Seeds) -> dict[str, Tensor]:
        n_tasks = len(self.trains(tasks))
        return {"weights": torch.zeros(len(seeds), n_tasks), "known": torch.zeros(len(seeds), 1)}

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        inner, own = self._split(state)
        *others, batch = losses
        if isinstance(self.strategy, AbstractWeighting):
            objective, given, inner = self.strategy.combine(batch.values, inner)
            given = given.detach()
            weights, own = self._average(given, own)
            torch.autograd.backward((objective + ((weights - given) * batch.values).sum(dim=1)).sum())
        else:
            kept = keeping(batch)
            given, inner = self.strategy.backward([*others, kept], inner)
            weights, own = self._average(given, own)
            kept.replace_weights(given, weights)
        return weights, self._joined(inner, own)

    def _average(self, given: Weights, own: dict[str, Tensor]) -> tuple[Weights, dict[str, Tensor]]:
        known = own["known"] > 0
        weights = torch.where(known, self.alpha * own["weights"] + (1 - self.alpha) * given, given)
        return weights, {"weights": weights, "known": torch.ones_like(own["known"])}
