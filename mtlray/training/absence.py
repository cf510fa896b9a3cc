"""The state of a strategy for some of its tasks, and back: what stays as it is where a batch has no label of a task."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtlray.strategies import AbstractStrategy, State
from mtlray.training.meters import Present
from mtlray.training.optimizers import Optimizer, averages


@dataclass(frozen=True, slots=True)
class Part:
    """The state of one seed for some tasks, by their numbers. `held` is what these tasks have of each fixed sum, `[1, 1]`."""

    seed: int
    tasks: Sequence[int]
    state: State
    held: dict[str, Tensor]

    def become(self, state: State) -> "Part":
        """The same part with the state of after a step."""
        return replace(self, state=state)


def by_task(strategy: AbstractStrategy, state: State, n_tasks: int) -> State:
    """The state at its start, its counters `[seed, task]` in place of `[seed, 1]`: a task that is not there is not counted."""
    counted = {n: state.buffers[n].expand(-1, n_tasks).clone() for n in strategy.by_task.counters if n in state.buffers}
    return state.with_buffers(**counted)


def cut(strategy: AbstractStrategy, state: State, seed: int, tasks: Sequence[int], n_tasks: int) -> Part:
    """The state of a seed for some tasks of `n_tasks`. What it trains are leaves of its own."""

    def select(name: str, tensor: Tensor) -> Tensor:
        return tensor.detach()[seed][_index(strategy, name, tensor, tasks, n_tasks)].unsqueeze(0).clone()

    params = {name: select(name, p).requires_grad_() for name, p in state.params.items()}
    buffers = {name: select(name, b) for name, b in state.buffers.items()}
    held: dict[str, Tensor] = {}
    for name, kind in strategy.by_task.shares.items() if len(tasks) < n_tasks else ():
        buffers[name], held[name] = _among_themselves(buffers[name], kind)
    return Part(seed, tasks, State(params, buffers), held)


def joined(strategy: AbstractStrategy, state: State, parts: Sequence[Part], n_tasks: int) -> State:
    """The whole state with the buffers of some parts, and in `.grad` of its parameters the gradients of the parts', else 0."""
    buffers = {name: tensor.clone() for name, tensor in state.buffers.items()}
    for part in parts:
        for name, found in part.state.buffers.items():
            back = _back(found, strategy.by_task.shares[name], part.held[name]) if name in part.held else found
            buffers[name][part.seed][_index(strategy, name, buffers[name], part.tasks, n_tasks)] = back.detach()[0]
    return State(state.params, buffers)


def among_present(
    strategy: AbstractStrategy,
    state: State,
    tasks: Sequence[Sequence[int]],
    n_tasks: int,
    act: Callable[[Part], State],
) -> State:
    """The whole state after `act` on that of each seed's `tasks`, by number; a seed without any keeps its own."""
    parts = [cut(strategy, state, seed, own, n_tasks) for seed, own in enumerate(tasks) if own]
    return joined(strategy, state, [part.become(act(part)) for part in parts], n_tasks)


def join_gradients(strategy: AbstractStrategy, state: State, parts: Sequence[Part], n_tasks: int) -> None:
    """Fill `.grad` of what the strategy trains from the parts, whose states are those that `backward` was given; 0 elsewhere."""
    for name, parameter in state.params.items():
        parameter.grad = torch.zeros_like(parameter)
        for part in parts:
            gradient = part.state.params[name].grad
            if gradient is not None:
                parameter.grad[part.seed][_index(strategy, name, parameter, part.tasks, n_tasks)] = gradient[0]


@contextmanager
def absent_stay(
    strategy: AbstractStrategy, optimizer: Optimizer | None, state: State, absent: Present
) -> Iterator[None]:
    """Put back what an optimizer's step in this context changes of absent tasks: their parameters and its averages of these.

    An average moves a parameter also where the gradient is 0.
    """
    n_tasks = absent.shape[1]
    held: list[tuple[Tensor, Tensor, Tensor]] = []
    for name, parameter in state.params.items():
        if not _goes_by_task(strategy, name, parameter, n_tasks):
            continue
        mask = absent.to(parameter.device).view(*absent.shape, *[1] * (parameter.ndim - 2))
        kept = [] if optimizer is None else averages(optimizer, parameter)
        found = [(slice(None), parameter), *kept]
        held += [(tensor, tensor.detach().clone(), mask[seeds]) for seeds, tensor in found]
    yield
    with torch.no_grad():
        for tensor, before, mask in held:
            tensor.copy_(torch.where(mask, before, tensor))


def _goes_by_task(strategy: AbstractStrategy, name: str, tensor: Tensor, n_tasks: int) -> bool:
    return name not in strategy.by_task.axes and tensor.ndim > 1 and tensor.shape[1] == n_tasks


def _index(
    strategy: AbstractStrategy, name: str, tensor: Tensor, tasks: Sequence[int], n_tasks: int
) -> tuple[Tensor | slice, ...]:
    """Which entries of one seed's tensor are those of some tasks."""
    default = (1,) if _goes_by_task(strategy, name, tensor, n_tasks) else ()
    axes = strategy.by_task.axes.get(name, default)
    numbers = torch.tensor(tasks, device=tensor.device)
    index: list[Tensor | slice] = [slice(None)] * (tensor.ndim - 1)
    for place, axis in enumerate(axes):
        index[axis - 1] = numbers.view(-1, *[1] * (len(axes) - 1 - place))
    return tuple(index)


def _among_themselves(shares: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """The shares of some tasks with the sum that they have for these tasks alone, and how much they had before."""
    if kind == "log":
        held = torch.logsumexp(shares, dim=1, keepdim=True)
        return shares - held, held
    total = shares.shape[1] if kind == "n_tasks" else 1
    held = shares.sum(dim=1, keepdim=True)
    return torch.where(held > 0, shares * (total / held), total / shares.shape[1]), held


def _back(shares: Tensor, kind: str, held: Tensor) -> Tensor:
    if kind == "log":
        return shares + held
    return shares * (held / (shares.shape[1] if kind == "n_tasks" else 1))
