"""Fast adaptive multitask optimization: weights that make all losses fall at one rate, learned from the losses alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractWeighting, ByTask, State
from mtlray.strategies.numerics.adam import adam_init, adam_step
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses

_EPSILON = 1e-8


@dataclass(frozen=True)
class FAMO(AbstractWeighting):
    r"""Fast adaptive multitask optimization (Liu, Feng, Stone, Liu, NeurIPS 2023).

    .. math::
        \mathcal{L} = c \sum_k z_k \log(L_k + \epsilon), \qquad z = \mathrm{softmax}(\xi), \qquad
        c = \Big( \sum_k \frac{z_k}{L_k + \epsilon} \Big)^{-1}

    - :math:`L_k` is the mini-batch loss of task k, :math:`\epsilon` is 1e-8; the paper's lower bounds of the losses are zero.
    - :math:`\xi` starts at zero. After the network's step it takes a step of an Adam of its own, with learning rate `lr` and
      weight decay `weight_decay`, along the gradient :math:`(\partial z / \partial \xi)^\top \delta`.
    - :math:`\delta_k` is how much :math:`\log(L_k + \epsilon)` fell in that step, on the same batch.
    - :math:`c` is a constant for the gradient.

    The weight of task k is :math:`c z_k / (L_k + \epsilon)`; the weights sum to one. A step costs one more forward pass.

    Reading: losses after the step are taken in training mode, as in the authors' code and LibMTL: batch normalisation sees the
    batch twice; a dropout mask is the same both times. The authors' code also clips the trunk's gradient to norm one; here
    nothing is clipped. Published weight decays are 0.01, 1e-5 and, in LibMTL, TorchJD and here, 1e-3. Neither the paper nor the
    authors' code spares the second forward pass; other code compares with the losses of the next batch, which is another
    method: its :math:`\delta_k` is mostly the difference between two batches.

    The weights start as the inverse losses, divided by their sum.

    >>> from mtlray import FAMO, try_out
    >>> try_out(FAMO(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.3333, 0.6667],
            [0.4612, 0.5388],
            [0.5058, 0.4942]])
    """

    lr: float = 0.025
    weight_decay: float = 1e-3

    key: ClassVar[str] = "famo"
    source: ClassVar[str] = "Liu et al. 2023, NeurIPS"
    backward_passes: ClassVar[str] = "1 + 1 fwd"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("adam_steps",))

    def __post_init__(self) -> None:
        require(self.lr > 0, "lr", "be positive", self.lr)
        require(self.weight_decay >= 0, "weight_decay", "not be negative", self.weight_decay)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        logits = torch.zeros(len(seeds), len(tasks))
        return State(buffers={"logits": logits, **adam_init(logits)})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        shifted = losses + _EPSILON
        share = torch.softmax(state.buffers["logits"], dim=1)
        factors = share / (share / shifted.detach()).sum(dim=1, keepdim=True)
        return (factors * shifted.log()).sum(dim=1), factors / shifted, state

    def end_step(self, losses: Sequence[TaskLosses], state: State) -> State:
        (batch,) = losses
        before, after = batch.values.detach() + _EPSILON, batch.again() + _EPSILON
        fall = before.log() - after.log()
        logits = state.buffers["logits"]
        share = torch.softmax(logits, dim=1)
        gradient = share * (fall - (share * fall).sum(dim=1, keepdim=True))
        logits, moments = adam_step(logits, gradient, state.buffers, self.lr, self.weight_decay)
        return State(buffers={"logits": logits, **moments})
