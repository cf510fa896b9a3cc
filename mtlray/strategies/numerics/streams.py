"""Random draws of a strategy: each step's are a function of the trial's seed and the step's number, and are made on the CPU."""

import torch
from torch import Tensor

from mtlray.axes import Seeds
from mtlray.randomness import generator
from mtlray.strategies.base import State

ON_CPU = ("seed", "step")
"""The buffers that `streams` reads, for `AbstractStrategy.on_cpu`: reading them from a device would wait for it."""


def streams_init(seeds: Seeds) -> dict[str, Tensor]:
    """The buffers before the first step."""
    return {"seed": seeds.clone(), "step": torch.zeros_like(seeds)}


def streams(state: State) -> tuple[list[torch.Generator], State]:
    """A generator on the CPU for each trial's present step, and the state at the next one."""
    seeds, steps = state.buffers["seed"], state.buffers["step"]
    found = [generator(seed, "strategy", step) for seed, step in zip(seeds.tolist(), steps.tolist(), strict=True)]
    return found, state.with_buffers(step=steps + 1)


def sent(drawn: Tensor, device: torch.device) -> Tensor:
    """What was drawn, on the device; a GPU fetches it from pinned memory while the CPU goes on."""
    return drawn.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else drawn
