"""Random orders in which each task looks at the others, drawn from a trial's own stream."""

import torch
from jaxtyping import Int
from torch import Tensor

from mtlray.axes import Seeds
from mtlray.randomness import generator
from mtlray.strategies.base import State

Orders = Int[Tensor, "seed task other"]


def orders_init(seeds: Seeds) -> dict[str, Tensor]:
    """The buffers that `draw_orders` needs."""
    return {"seed": seeds.clone(), "step": torch.zeros_like(seeds)}


def draw_orders(n_tasks: int, state: State) -> tuple[Orders, State]:
    """For each task a random order of the others, a function of the trial's seed and the step's number."""
    seeds, steps = state.buffers["seed"], state.buffers["step"]
    if n_tasks <= 2:  # nothing to order, and no need to wait for the device
        others = torch.tensor([[1], [0]], device=seeds.device)[:n_tasks, : n_tasks - 1]
        return others.expand(len(seeds), -1, -1), state.with_buffers(step=steps + 1)
    streams = [generator(seed, "strategy", step) for seed, step in zip(seeds.tolist(), steps.tolist(), strict=True)]
    orders = torch.stack([torch.stack([_others(task, n_tasks, s) for task in range(n_tasks)]) for s in streams])
    return orders.to(seeds.device), state.with_buffers(step=steps + 1)


def _others(task: int, n_tasks: int, stream: torch.Generator) -> Tensor:
    order = torch.randperm(n_tasks - 1, generator=stream)
    return order + (order >= task)
