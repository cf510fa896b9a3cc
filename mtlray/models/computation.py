"""Where and how networks are computed: chosen for a run, and not part of a trial."""

from dataclasses import dataclass

import torch

from mtlray.models.kernels import KernelChoice


@dataclass(frozen=True, slots=True)
class Computation:
    """How networks are computed. The kernel changes a trial's numbers by rounding alone, activation checkpointing not at all.

    `kernel` is asked for the convolutions of a single network on a CPU. With `activation_checkpointing` a trunk that has stages
    computes them again in the backward pass; it has no effect on others.
    """

    device: torch.device
    kernel: KernelChoice = "auto"
    activation_checkpointing: bool = False
