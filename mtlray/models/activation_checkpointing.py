"""Activation checkpointing: the backward pass computes a trunk's stages again, so that they need not be kept."""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

_Result = TypeVar("_Result")


class StagedTrunk(nn.Module):
    """A trunk whose forward pass goes through stages, each a call of `stage`.

    Where `activation_checkpointing` is set, a stage leaves nothing but its inputs for the backward pass, and each backward pass
    through it computes it once more (Chen et al. 2016, arXiv:1604.06174). No number changes: modes, buffers and random numbers
    are those of the first time, and what is done to buffers, such as a batch norm's running statistics, is done once.
    """

    activation_checkpointing: bool = False

    def stage(self, function: Callable[..., _Result], layers: nn.Module, *inputs: Any) -> _Result:
        """`function(layers, *inputs)`; `layers` has every module that takes part."""
        if not (self.activation_checkpointing and torch.is_grad_enabled()):
            return function(layers, *inputs)
        result: _Result = checkpoint(
            function,
            layers,
            *inputs,
            use_reentrant=False,
            context_fn=lambda: (contextlib.nullcontext(), _Recomputation(layers)),
        )
        return result


class _Recomputation(contextlib.AbstractContextManager[None]):
    """Layers with the modes and buffers that they have now; what happens to these buffers is dropped. For many entries.

    Batch norms that do not track running statistics meanwhile would do without buffers, and save fewer tensors for the backward
    pass than the first time, which torch takes for another computation.
    """

    def __init__(self, layers: nn.Module) -> None:
        modules = list(layers.modules())
        self._modes = [(module, module.training) for module in modules]
        self._buffers = [(m, name, buffer.clone()) for m in modules for name, buffer in m.named_buffers(recurse=False)]
        self._found: list[tuple[nn.Module, str, Any]] = []

    def __enter__(self) -> None:
        self._found = [(module, "training", module.training) for module, _ in self._modes]
        self._found += [(module, name, getattr(module, name)) for module, name, _ in self._buffers]
        for module, training in self._modes:
            module.training = training
        for module, name, buffer in self._buffers:
            setattr(module, name, buffer.clone())

    def __exit__(self, *error: object) -> None:
        for module, name, value in self._found:
            setattr(module, name, value)


def checkpoint_activations(network: nn.Module) -> bool:
    """Turn activation checkpointing on; returns whether the network has stages that it applies to."""
    trunks = [module for module in network.modules() if isinstance(module, StagedTrunk)]
    for trunk in trunks:
        trunk.activation_checkpointing = True
    return bool(trunks)
