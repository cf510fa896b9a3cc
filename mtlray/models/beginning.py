"""A network as its trial begins with it: initial weights, the kernel of its layers, and what a model may not do."""

from collections.abc import Sequence

import torch
from torch import nn

from mtlray.errors import SpecError
from mtlray.models.activation_checkpointing import checkpoint_activations
from mtlray.models.base import ModelSpec, SharedTrunk
from mtlray.models.conv_pool_relu import ConvPoolReLU
from mtlray.models.dtype import default_dtype
from mtlray.models.kernels import Kernel, KernelChoice, choose_kernel
from mtlray.randomness import stream_seed
from mtlray.tasks.task import Task


def initialise(
    spec: ModelSpec, input_shape: tuple[int, ...], tasks: Sequence[Task], seed: int, dtype: torch.dtype
) -> SharedTrunk:
    """The network of one trial with its initial weights, drawn in float32 and then converted to `dtype`.

    torch's initialisers know only the global generator, so it is seeded for this one construction and put back.
    """
    with torch.random.fork_rng(devices=[]), default_dtype(torch.float32):
        torch.manual_seed(stream_seed(seed, "init"))
        return spec.build(input_shape, tasks).to(dtype)


def choose(network: nn.Module, asked: KernelChoice, device: torch.device) -> Kernel:
    """Set the kernel of those layers that have a choice, and return what the network then uses."""
    layers = [layer for layer in network.modules() if isinstance(layer, ConvPoolReLU)]
    if not layers or device.type != "cpu":
        return "torch"
    kernel = choose_kernel(asked)
    for layer in layers:
        layer.kernel = kernel
    return kernel


def check_forward(spec: ModelSpec, network: SharedTrunk) -> None:
    """Raise SpecError where a network has a `forward` of its own and its spec does not say so."""
    if spec.single_representation and type(network).forward is not SharedTrunk.forward:
        raise SpecError(
            f"The network of model {spec.label} has a `forward` of its own. Set `single_representation` of its spec to False, "
            "or leave `forward` to SharedTrunk."
        )


def checkpoint(spec: ModelSpec, network: SharedTrunk, n_seeds: int) -> None:
    """Checkpoint a network's activations. Raises SpecError where it is to be a pack."""
    if checkpoint_activations(network) and n_seeds > 1:
        raise SpecError(
            f"Activation checkpointing of model {spec.label} takes one network at a time. Found a pack of {n_seeds} "
            "seeds. Choose pack size 1, or run without activation checkpointing."
        )
