"""Strategies that take weights from two independent mini-batches, without bias, and the direction from a third."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Gramian, Seeds, Weights
from mtlray.strategies.base import AbstractGradientBased, ByTask, Faithfulness, State
from mtlray.strategies.gramian import precise_products
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses


@dataclass(frozen=True)
class AbstractDoubleSampling(AbstractGradientBased):
    """Weights from the inner products of the gradients on two batches; the trunk follows them on a third.

    The expectation of the products of two independent batches' gradients is that of the full gradients; of one batch's
    gradients with themselves it is not. A step takes three batches, and three times the time and the examples of other
    strategies. Each head follows its loss, mean over the three batches.
    """

    faithfulness: ClassVar[Faithfulness] = "reading"
    backward_passes: ClassVar[str] = "3K"
    extra_memory: ClassVar[str] = "K·P"
    batches_per_step: ClassVar[int] = 3
    by_task: ClassVar[ByTask] = ByTask(shares={"weights": "one"})

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers={"weights": torch.full((len(seeds), len(tasks)), 1 / len(tasks))})

    @abc.abstractmethod
    def move(self, weights: Weights, products: Gramian) -> Weights:
        """The next weights; `products` are the inner products `first @ second.T` in float64, in general not symmetric."""

    @abc.abstractmethod
    def mix(self, weights: Weights) -> Weights:
        """The weights of the tasks' gradients in the direction."""

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        parameters = [p for head in losses[0].heads for p in head]
        jacobians, totals = [], [torch.zeros_like(p) for p in parameters]
        for batch in losses:
            jacobians.append(batch.jacobian())  # replaces the heads' gradients
            totals = [t + p.grad if p.grad is not None else t for t, p in zip(totals, parameters, strict=True)]
        for parameter, total in zip(parameters, totals, strict=True):
            parameter.grad = total / len(losses)
        first, second, third = jacobians
        before = state.buffers["weights"]
        moved = self.move(before.double(), precise_products(first, second)).to(before)
        weights = self.mix(moved)
        direction = (weights.unsqueeze(1) @ third).squeeze(1)
        applied = self.apply(losses[-1], direction, weights, lambda: third.sum(dim=1))
        return applied, state.with_buffers(weights=moved)
