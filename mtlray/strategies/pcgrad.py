"""Gradient surgery: each task's gradient loses what points against another's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Gramian, Losses, Seeds, Weights
from mtlray.strategies.base import State
from mtlray.strategies.gramian import AbstractGramianWeighting
from mtlray.strategies.numerics.cosines import divide
from mtlray.strategies.numerics.orders import draw_orders
from mtlray.strategies.numerics.streams import ON_CPU, streams_init
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class PCGrad(AbstractGramianWeighting):
    r"""Projecting conflicting gradients, PCGrad (Yu et al., NeurIPS 2020, algorithm 1).

    .. math::
        d = \sum_i g_i^{PC}, \qquad g_i^{PC} \leftarrow g_i^{PC} - \frac{g_i^{PC} \cdot g_j}{|g_j|^2} g_j \quad
        \text{where } g_i^{PC} \cdot g_j < 0, \text{ for each } j \ne i \text{ in random order}

    - :math:`g_i` is the gradient of task i's loss in the trunk; :math:`g_i^{PC}` starts from it.

    Without conflict it is the sum of the gradients. With two tasks the order does not matter, and the direction is twice that
    of `UPGrad`.

    Reading: the weight of a task is the sum of its gradient's coefficients in all :math:`g_i^{PC}`. Each step's orders are a
    function of the trial's seed and the step's number.

    From each gradient, the part that runs against the other is taken away.

    >>> from mtlray import PCGrad, try_out
    >>> try_out(PCGrad(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[1.5000, 2.5000]])
    """

    key: ClassVar[str] = "pcgrad"
    source: ClassVar[str] = "Yu et al. 2020, NeurIPS, algorithm 1"
    on_cpu: ClassVar[tuple[str, ...]] = ON_CPU
    component_version: ClassVar[int] = 2
    extra_memory: ClassVar[str] = "1"

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers=streams_init(seeds))

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        n_tasks = losses.shape[1]
        orders, state = draw_orders(n_tasks, state, gramian.device)
        squares = gramian.diagonal(dim1=1, dim2=2)
        # Row i: how much of each task's gradient there is in the i-th projected one.
        mixed = torch.eye(n_tasks).to(gramian).expand_as(gramian).clone()
        for other in orders.unbind(dim=2):
            products = (mixed * gramian.gather(1, other.unsqueeze(2).expand_as(gramian))).sum(dim=2)
            part = divide(products.clamp(max=0), squares.gather(1, other))
            mixed = mixed.scatter_add(2, other.unsqueeze(2), -part.unsqueeze(2))
        return mixed.sum(dim=1), state
