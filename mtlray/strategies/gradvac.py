"""Gradient vaccine: gradients are turned towards each other until they are as similar as they usually are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Gramian, Losses, Seeds, Weights
from mtlray.checks import require
from mtlray.strategies.base import ByTask, Faithfulness, State
from mtlray.strategies.gramian import AbstractGramianWeighting
from mtlray.strategies.numerics.cosines import ROUNDING, divide
from mtlray.strategies.numerics.orders import draw_orders
from mtlray.strategies.numerics.streams import ON_CPU, streams_init
from mtlray.tasks.task import Task

# A cosine of one would take infinitely much of the other gradient.
_LARGEST_TARGET = 1 - 1e-6


@dataclass(frozen=True)
class GradVac(AbstractGramianWeighting):
    r"""Gradient vaccine, GradVac (Wang, Tsvetkov, Firat, Cao, ICLR 2021, algorithm 1).

    .. math::
        d = \sum_i g_i', \qquad g_i' \leftarrow g_i' + \frac{|g_i'| \big( \hat\phi_{ij} \sqrt{1 - \phi_{ij}^2} - \phi_{ij}
        \sqrt{1 - \hat\phi_{ij}^2} \big)}{|g_j| \sqrt{1 - \hat\phi_{ij}^2}} g_j \quad \text{where } \phi_{ij} < \hat\phi_{ij}

    - :math:`g_i` is the gradient of task i's loss in the trunk; :math:`g_i'` starts from it and meets each :math:`j \ne i` in
      random order.
    - :math:`\phi_{ij}` is the cosine between :math:`g_i'` and :math:`g_j`, and after the step above :math:`\hat\phi_{ij}`.
    - :math:`\hat\phi_{ij} \leftarrow (1 - \beta) \hat\phi_{ij} + \beta \phi_{ij}`, with the cosine of before the step, starts
      at zero, so that the first step is that of `PCGrad`.
    - :math:`\beta` is `beta`; the larger, the shorter the memory.

    Reading: the average is updated for every pair, as in TorchJD and LibMTL, and not only where a gradient is changed; all
    shared parameters are one group; `beta` is 0.5 as in both. The target is kept below 1 - 1e-6. What is left of a gradient
    that others cancel, up to rounding, is zero, with a cosine of zero. Each step's orders are a function of the trial's seed
    and the step's number. Where other code differs: TorchJD and
    LibMTL add 1e-8 to the product of two norms, which changes the cosine of short gradients.

    Against each other, the gradients are turned to the similarity aimed at, which starts at zero as in `PCGrad`.

    >>> from mtlray import GradVac, try_out
    >>> try_out(GradVac(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[1.5000, 2.5000]])
    """

    beta: float = 0.5

    key: ClassVar[str] = "gradvac"
    source: ClassVar[str] = "Wang et al. 2021, ICLR, algorithm 1"
    on_cpu: ClassVar[tuple[str, ...]] = ON_CPU
    component_version: ClassVar[int] = 2
    extra_memory: ClassVar[str] = "K²"
    faithfulness: ClassVar[Faithfulness] = "reading"
    by_task: ClassVar[ByTask] = ByTask(axes={"target": (1, 2)})

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.beta <= 1, "beta", "lie in [0, 1]", self.beta)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        targets = torch.zeros(len(seeds), len(tasks), len(tasks), dtype=torch.float64)
        return State(buffers={"target": targets, **streams_init(seeds)})

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        n_tasks = losses.shape[1]
        orders, state = draw_orders(n_tasks, state, gramian.device)
        norms, targets = gramian.diagonal(dim1=1, dim2=2).sqrt(), state.buffers["target"]
        # Row i: how much of each task's gradient there is in the i-th changed one.
        mixed = torch.eye(n_tasks).to(gramian).expand_as(gramian).clone()
        for other in orders.unbind(dim=2):
            products = mixed @ gramian
            own = (products * mixed).sum(dim=2).clamp(min=0).sqrt()
            # Of a gradient that was projected to nothing the rounding is left, and its cosine would be one or minus one.
            own = own.masked_fill(own <= ROUNDING * (mixed.abs() @ norms.unsqueeze(2)).squeeze(2), 0.0)
            products = products.masked_fill(own.unsqueeze(2) == 0, 0.0)
            theirs, place = norms.gather(1, other), other.unsqueeze(2)
            cosine = divide(products.gather(2, place).squeeze(2), own * theirs).clamp(-1, 1)
            target = targets.gather(2, place).squeeze(2)
            reached = target.clamp(max=_LARGEST_TARGET)
            sine, target_sine = (1 - cosine.square()).sqrt(), (1 - reached.square()).sqrt()
            share = divide(own * (reached * sine - cosine * target_sine), theirs * target_sine)
            mixed = mixed.scatter_add(2, place, torch.where(cosine < reached, share, 0.0).unsqueeze(2))
            targets = targets.scatter(2, place, ((1 - self.beta) * target + self.beta * cosine).unsqueeze(2))
        return mixed.sum(dim=1), state.with_buffers(target=targets)
