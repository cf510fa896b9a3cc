"""One step of a run, from its losses to the strategy's next state; where batches lack labels, by one rule for all strategies.

A task without a label in one of a step's batches takes no part in the step: it is the step of the same strategy on the others.
Its loss is 0, its head's gradient 0, and what the strategy keeps of it stays as it is; without any task, all that it keeps.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mtlray.axes import Losses, Weights
from mtlray.models import Networks
from mtlray.strategies import AbstractStrategy, State
from mtlray.tasks.task_losses import TaskLosses
from mtlray.training.absence import Part, absent_stay, among_present, cut, join_gradients, joined
from mtlray.training.contract import check_weights
from mtlray.training.meters import Present
from mtlray.training.optimizers import Optimizer

MakeLosses = Callable[[Networks, int, Sequence[int]], Sequence[TaskLosses]]
"""The losses of a seed's own networks on each of the step's batches: the seed's number in the pack, and the tasks' numbers."""


class WholeStep:
    """A step in which all tasks take part."""

    present = None

    def __init__(self, strategy: AbstractStrategy, losses: Sequence[TaskLosses]) -> None:
        self._strategy, self._losses = strategy, losses

    def backward(self, state: State) -> tuple[Weights, State]:
        """`strategy.backward`. Raises SpecError where the weights have another shape than the losses."""
        weights, state = self._strategy.backward(self._losses, state)
        check_weights(self._strategy, weights, self._losses[0].values.shape)
        return weights, state

    def update(self, optimizer: Optimizer, state: State) -> None:
        """The optimizer's step."""
        del state
        optimizer.step()

    def end(self, state: State) -> State:
        """`strategy.end_step`."""
        return self._strategy.end_step(self._losses, state)

    @property
    def values(self) -> list[Losses]:
        """The losses of each batch, without a graph."""
        return [batch.values.detach() for batch in self._losses]


class PartStep:
    """A step in which some task of some seed takes no part: `present` `[seed, task]` says which do. Seeds go one by one."""

    def __init__(self, strategy: AbstractStrategy, networks: Networks, present: Present, make: MakeLosses) -> None:
        self._strategy, self._networks, self.present = strategy, networks, present
        self._tasks = _numbers(present)
        self._losses = [make(networks.alone(i), i, tasks) if tasks else () for i, tasks in enumerate(self._tasks)]

    def backward(self, state: State) -> tuple[Weights, State]:
        """The strategy's on the tasks that take part; the weights of the others are 0. Raises SpecError as `WholeStep` does."""
        networks, strategy = self._networks, self._strategy
        weights = torch.zeros(self.present.shape, dtype=networks.dtype, device=networks.device)
        before = [cut(strategy, state, i, tasks, len(row)) for i, tasks, row in self._taking_part()]
        after: list[Part] = []
        for part in before:
            for parameter in networks.alone(part.seed).parameters.values():
                parameter.grad = None
            losses = self._losses[part.seed]
            found, changed = strategy.backward(losses, part.state)
            check_weights(strategy, found, losses[0].values.shape)
            weights[part.seed, part.tasks] = found[0]
            after.append(part.become(changed))
        self._join_gradients()
        join_gradients(strategy, state, before, self.present.shape[1])
        return weights, joined(strategy, state, after, self.present.shape[1])

    def _taking_part(self) -> list[tuple[int, list[int], Tensor]]:
        """The seeds that have any task, with their tasks."""
        rows = zip(self._tasks, self.present, strict=True)
        return [(i, tasks, row) for i, (tasks, row) in enumerate(rows) if tasks]

    def _join_gradients(self) -> None:
        """`.grad` of all the networks' parameters from those of each seed's; 0 for what no task that takes part reaches."""
        networks = self._networks
        for name, parameter in networks.parameters.items():
            if not parameter.requires_grad:
                continue
            joint = torch.zeros_like(parameter)
            for i, tasks in enumerate(self._tasks):
                gradient = networks.alone(i).parameters[name].grad if tasks else None
                if gradient is not None:
                    (joint[i] if networks.stacked else joint).copy_(gradient)
            parameter.grad = joint

    def update(self, optimizer: Optimizer, state: State) -> None:
        """The optimizer's step, after which what it changed of tasks that take no part is as before."""
        with absent_stay(self._strategy, optimizer, state, ~self.present):
            optimizer.step()

    def end(self, state: State) -> State:
        """`strategy.end_step` on the tasks that take part."""

        def ended(part: Part) -> State:
            return self._strategy.end_step(self._losses[part.seed], part.state)

        return among_present(self._strategy, state, self._tasks, self.present.shape[1], ended)

    @property
    def values(self) -> list[Losses]:
        """The losses of each batch, without a graph; 0 for tasks that take no part."""
        networks = self._networks
        batches = []
        for b in range(self._strategy.batches_per_step):
            values = torch.zeros(self.present.shape, dtype=networks.dtype, device=networks.device)
            for i, tasks in enumerate(self._tasks):
                if tasks:
                    values[i, tasks] = self._losses[i][b].values.detach()[0]
            batches.append(values)
        return batches


def end_epoch(strategy: AbstractStrategy, mean_losses: Losses, present: Present | None, state: State) -> State:
    """`strategy.end_epoch` on the tasks that the epoch had; `present` None: all."""
    if present is None:
        return strategy.end_epoch(mean_losses, state)

    def ended(part: Part) -> State:
        return strategy.end_epoch(mean_losses[part.seed : part.seed + 1, part.tasks], part.state)

    return among_present(strategy, state, _numbers(present), present.shape[1], ended)


def _numbers(present: Present) -> list[list[int]]:
    """The tasks of each seed, by number."""
    return [row.nonzero().flatten().tolist() for row in present]
