"""GradNorm: weights by which all tasks' gradients at the last shared layer have sizes that fit their training rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mtlray.axes import Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import AbstractStrategy, ByTask, Faithfulness, State
from mtlray.strategies.numerics.adam import adam_init, adam_step
from mtlray.strategies.numerics.averages import sum_to_n_tasks
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses

_EPSILON = 1e-8
_SMALLEST = 1e-6


@dataclass(frozen=True)
class GradNorm(AbstractStrategy):
    r"""GradNorm (Chen, Badrinarayanan, Lee, Rabinovich, ICML 2018, eq. 2 and algorithm 1).

    .. math::
        \mathcal{L} = \sum_k w_k L_k, \qquad
        \mathcal{L}_w = \sum_k \big| w_k n_k - \bar G\, r_k^\alpha \big|, \qquad
        r_k = \frac{L_k / L_k^0}{\frac{1}{K} \sum_j L_j / L_j^0}

    - :math:`n_k` is the norm of the gradient of task k's loss at the last shared layer.
    - :math:`\bar G` is the mean of the :math:`w_k n_k`; the target :math:`\bar G r_k^\alpha` is a constant for the gradient.
    - :math:`L_k^0` is the loss of the first batch.
    - :math:`\alpha` is `alpha`; the larger, the more a task that learns slowly is pulled. The authors use 1.5 on NYUv2.
    - :math:`w` starts at one, follows :math:`\mathcal{L}_w` by an Adam of its own with learning rate `lr`, and is scaled to sum
      to K after each step. The network's step uses the weights of before it.

    The norm is linear in the weight, so no second derivative is needed. A step costs K passes through the heads to the last
    shared layer, and one through everything.

    Reading: the last shared layer is the last weight of the trunk with two axes or more, without its bias; the heads follow
    their weighted losses; w is kept above 1e-6 and Adam is the optimizer. Where other code differs: LibMTL has K times a softmax
    for weights, all shared parameters for the norm and the mean loss of the first epoch, a plain sum, for :math:`L_k^0`.

    The weight of the longer gradient falls.

    >>> from mtlray import GradNorm, try_out
    >>> try_out(GradNorm(), [(2, 1), (1, 0.9), (0.8, 0.9)], [(3, 0), (-1, 1)]).weights
    tensor([[1.0000, 1.0000],
            [0.9750, 1.0250],
            [0.9500, 1.0500]])
    """

    alpha: float = 1.5
    lr: float = 0.025

    key: ClassVar[str] = "gradnorm"
    kind: ClassVar[Literal["baseline", "loss-based", "gradient-based"]] = "gradient-based"
    source: ClassVar[str] = "Chen et al. 2018, ICML, eq. 2 and algorithm 1"
    faithfulness: ClassVar[Faithfulness] = "reading"
    backward_passes: ClassVar[str] = "1 + K"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("known", "adam_steps"), shares={"weights": "n_tasks"})

    def __post_init__(self) -> None:
        require(self.alpha >= 0, "alpha", "not be negative", self.alpha)
        require(self.lr > 0, "lr", "be positive", self.lr)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        ones = torch.ones(len(seeds), len(tasks))
        known = torch.zeros(len(seeds), 1)
        return State(buffers={"weights": ones, "first": ones.clone(), "known": known, **adam_init(ones)})

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        (batch,) = losses
        buffers, values = state.buffers, batch.values.detach() + _EPSILON
        weights, known = buffers["weights"], buffers["known"]
        first = torch.where(known > 0, buffers["first"], values)
        norms = _norms(batch)
        torch.autograd.backward((weights * batch.values).sum())
        ratio = values / first
        rate = ratio / ratio.mean(dim=1, keepdim=True)
        sizes = weights * norms
        target = sizes.mean(dim=1, keepdim=True) * rate**self.alpha
        moved, moments = adam_step(weights, torch.sign(sizes - target) * norms, buffers, self.lr)
        after = {"weights": sum_to_n_tasks(moved.clamp(min=_SMALLEST)), "first": first, "known": torch.ones_like(known)}
        return weights, State(buffers={**after, **moments})


def _norms(batch: TaskLosses) -> Weights:
    """Norms of the tasks' gradients at the last shared layer, `[seed, task]`; leaves every `.grad` as it is."""
    axes = 3 if batch.stacked else 2
    layer = next((p for p in reversed(batch.shared) if p.ndim >= axes), batch.shared[-1])

    def norm(task: int) -> Tensor:
        (gradient,) = torch.autograd.grad(batch.total(task), [layer], retain_graph=True, materialize_grads=True)
        size: Tensor = torch.linalg.vector_norm(
            (gradient if batch.stacked else gradient.unsqueeze(0)).flatten(1), dim=1
        )
        return size

    return torch.stack([norm(task) for task in range(batch.values.shape[1])], dim=1)
