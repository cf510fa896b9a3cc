"""Improvable gap balancing: on the logarithms of the losses, tasks that are far above a base loss weigh more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import integer, require
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class IGB(AbstractWeighting):
    r"""Improvable gap balancing, IGBv1 (Dai, Fei, Lu, UAI 2023, arXiv 2307.15429).

    .. math::
        \mathcal{L} = \sum_k v_k \log(L_k + \epsilon), \qquad
        v_k = K \frac{\exp(L_k / B_k)}{\sum_j \exp(L_j / B_j)}

    - :math:`L_k` is the mini-batch loss of task k, which should not be negative; in :math:`v` it is a constant for the gradient.
    - :math:`B_k` is the mean loss of task k over the epoch `base_epoch`, counted from one; until it is over :math:`v_k = 1`.
    - :math:`K` is the number of tasks; :math:`\epsilon` is `epsilon`.

    The weight of task k is :math:`v_k / (L_k + \epsilon)`. The ratio of a loss to its base stands for how much of the loss can
    still be improved.

    Reading: the default base epoch is the second, that of the authors' code, whose number 1 counts from zero. Their second
    method, which learns the weights by reinforcement, is left out.

    Until there is a base, the weights are the inverse losses.

    >>> from mtlray import IGB, try_out
    >>> try_out(IGB(base_epoch=1), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.5000, 1.0000],
            [0.8026, 1.3304],
            [0.9439, 1.3832]])
    """

    base_epoch: int = 2
    epsilon: float = 1e-8

    key: ClassVar[str] = "igb"
    source: ClassVar[str] = "Dai et al. 2023, UAI, arXiv 2307.15429 (IGBv1); authors' code"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("epochs",))

    def __post_init__(self) -> None:
        require(integer("base_epoch", self.base_epoch) >= 1, "base_epoch", "be at least 1", self.base_epoch)
        require(self.epsilon >= 0, "epsilon", "not be negative", self.epsilon)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers={"base": torch.ones(len(seeds), len(tasks)), "epochs": torch.zeros(len(seeds), 1)})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        shares = losses.shape[1] * torch.softmax(losses.detach() / state.buffers["base"], dim=1)
        known = (state.buffers["epochs"] >= self.base_epoch).all(dim=1, keepdim=True)
        shares = torch.where(known, shares, torch.ones_like(shares))
        shifted = losses + self.epsilon
        return (shares * shifted.log()).sum(dim=1), shares / shifted, state

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        epochs = state.buffers["epochs"] + 1
        base = torch.where(epochs == self.base_epoch, mean_losses + self.epsilon, state.buffers["base"])
        return state.with_buffers(base=base, epochs=epochs)
