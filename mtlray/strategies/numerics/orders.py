"""Random orders in which each task looks at the others, drawn from a trial's own stream."""

import torch
from jaxtyping import Int
from torch import Tensor

from mtlray.strategies.base import State
from mtlray.strategies.numerics.streams import sent, streams

Orders = Int[Tensor, "seed task other"]


def draw_orders(n_tasks: int, state: State, device: torch.device) -> tuple[Orders, State]:
    """For each task a random order of the others, a function of the trial's seed and the step's number, on the device."""
    if n_tasks <= 2:  # nothing to order
        others = torch.tensor([[1], [0]])[:n_tasks, : n_tasks - 1].expand(len(state.buffers["step"]), -1, -1)
        return sent(others.contiguous(), device), state.with_buffers(step=state.buffers["step"] + 1)
    generators, state = streams(state)
    orders = torch.stack([torch.stack([_others(task, n_tasks, g) for task in range(n_tasks)]) for g in generators])
    return sent(orders, device), state


def _others(task: int, n_tasks: int, stream: torch.Generator) -> Tensor:
    order = torch.randperm(n_tasks - 1, generator=stream)
    return order + (order >= task)
