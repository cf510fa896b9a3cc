"""LDC-MTL: learned weights that also bring the weighted losses of neighbouring tasks together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require, require_choice
from mtlray.strategies.base import AbstractWeighting, ByTask, Faithfulness, State
from mtlray.tasks.task import Task

_EPSILON = 1e-8


@dataclass(frozen=True)
class LDCMTL(AbstractWeighting):
    r"""Loss discrepancy control, LDC-MTL (Xiao, Dong, Ji, arXiv 2502.08585; in its first version BiLB4MTL).

    .. math::
        \mathcal{L} = \frac{\sum_k \sigma(s_k)\, l_k}{\sum_k \sigma(s_k)}
        + \lambda \sum_{k < K} \big| \sigma(s_k)\, l_k - \sigma(s_{k+1})\, l_{k+1} \big|, \qquad l_k = \frac{L_k}{\tau_k}

    - :math:`L_k` is the mini-batch loss of task k; :math:`\sigma` is the logistic function.
    - :math:`s_k` is learned, starting from one, by the trial's optimizer in a group of its own.
    - :math:`\lambda` is `discrepancy`: the authors take 0.01 on CelebA and 0.05 on NYUv2.
    - :math:`\tau_k` is by `normalisation`: "initial" the ratio of the task's first loss to the smallest of all first losses,
      as on NYUv2; "none" one, as on CelebA.

    The weight of task k is what multiplies the gradient of its loss, the second term included. It depends on the order of the
    tasks, because each is compared with the next.

    Reading: the weights are one number a task, as in the authors' code for CelebA; the paper's router computes them from the
    representation. The divisor is differentiated too, as in their code for NYUv2; that for CelebA takes it as a constant.

    >>> from mtlray import LDCMTL, try_out
    >>> try_out(LDCMTL(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.2537, 0.4927],
            [0.2463, 0.5073],
            [0.2465, 0.5070]])
    """

    discrepancy: float = 0.01
    normalisation: Literal["initial", "none"] = "initial"

    key: ClassVar[str] = "ldc_mtl"
    source: ClassVar[str] = "Xiao et al. 2025, arXiv 2502.08585; authors' code"
    faithfulness: ClassVar[Faithfulness] = "reading"
    extra_memory: ClassVar[str] = "K"
    by_task: ClassVar[ByTask] = ByTask(counters=("known",))

    def __post_init__(self) -> None:
        require(self.discrepancy >= 0, "discrepancy", "not be negative", self.discrepancy)
        require_choice("normalisation", self.normalisation, ("initial", "none"))

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        ones = torch.ones(len(seeds), len(tasks))
        known = torch.zeros(len(seeds), 1) if self.normalisation == "initial" else torch.ones(len(seeds), 1)
        return State(params={"scores": ones.clone().requires_grad_()}, buffers={"scale": ones, "known": known})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        known, first = state.buffers["known"], losses.detach() + _EPSILON
        scale = torch.where(known > 0, state.buffers["scale"], first / first.amin(dim=1, keepdim=True))
        gates = torch.sigmoid(state.params["scores"])
        shares = gates / gates.sum(dim=1, keepdim=True)
        weighted = gates * losses / scale
        apart = weighted[:, :-1] - weighted[:, 1:]
        objective = (shares * losses / scale).sum(dim=1) + self.discrepancy * apart.abs().sum(dim=1)
        signs = torch.nn.functional.pad(apart.sign(), (1, 1))
        weights = (shares + self.discrepancy * gates * (signs[:, 1:] - signs[:, :-1])) / scale
        return objective, weights, state.with_buffers(scale=scale, known=torch.ones_like(known))
