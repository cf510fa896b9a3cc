"""The compiled kernel as an operator of torch, with its gradient."""

import ctypes
from typing import Any

import torch
from torch import Tensor

from mtlray.kernels.build import library

_NAMES = {torch.float32: "float", torch.float64: "double"}


def fits(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernel takes inputs and weights of these types and shapes; needs the compiled library."""
    if x.device.type != "cpu" or x.dtype not in _NAMES or x.dtype != weight.dtype or weight.shape[2] != weight.shape[3]:
        return False
    widest: int = _function("widest_row", x.dtype)()
    return weight.shape[1] * weight.shape[2] <= widest


def conv_pool_relu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`relu(max_pool2d(conv2d(x, weight, bias), 2))` for images `[batch, channel, row, column]` on a CPU.

    The values and gradients are torch's within rounding; the same input gives the same bits. A window's gradient goes to the
    first of equal values, as torch's does. Images and results lie channels-last in memory, other layouts are copied. Once
    differentiable. Raises BuildError where there is no compiled kernel; call it only where `fits`.
    """
    outputs: Tensor = torch.ops.mtlray.conv_pool_relu(x, weight, bias)[0]
    return outputs


@torch.library.custom_op("mtlray::conv_pool_relu", mutates_args=(), device_types="cpu")
def _forward(x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    inputs, weights = _channels_last(x), _channels_last(weight)
    rows, columns = _pooled(x, weight)
    outputs = x.new_empty(x.shape[0], rows, columns, weight.shape[0])
    winners = _empty_winners(outputs)
    shape = _shape(inputs, weights)
    _function("forward", x.dtype)(shape, *map(_pointer, (inputs, weights, bias.contiguous(), outputs, winners)))
    return outputs.permute(0, 3, 1, 2), winners


@_forward.register_fake
def _fake(x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    del bias
    outputs = x.new_empty(x.shape[0], *_pooled(x, weight), weight.shape[0])
    return outputs.permute(0, 3, 1, 2), _empty_winners(outputs)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
    x, weight, _ = inputs
    ctx.save_for_backward(x, weight, output[1])
    ctx.mark_non_differentiable(output[1])


def _backward(ctx: Any, gradient: Tensor, _: Tensor | None) -> tuple[Tensor | None, Tensor, Tensor]:
    x, weight, winners = ctx.saved_tensors
    inputs, weights, gradients = _channels_last(x), _channels_last(weight), _channels_last(gradient)
    of_inputs = torch.empty_like(inputs) if ctx.needs_input_grad[0] else None
    of_weights = torch.empty_like(weights)
    of_bias = weight.new_empty(weight.shape[0])
    tensors = (gradients, inputs, weights, winners, of_inputs, of_weights, of_bias)
    _function("backward", x.dtype)(_shape(inputs, weights), *map(_pointer, tensors))
    return None if of_inputs is None else of_inputs.permute(0, 3, 1, 2), of_weights.permute(0, 3, 1, 2), of_bias


_forward.register_autograd(_backward, setup_context=_keep)


def _function(name: str, dtype: torch.dtype) -> Any:
    return getattr(library(), f"mtlray_{name}_{_NAMES[dtype]}")


def _channels_last(images: Tensor) -> Tensor:
    """`[example, row, column, channel]`, contiguous; a copy only where the images lie otherwise."""
    return images.permute(0, 2, 3, 1).contiguous()


def _pooled(x: Tensor, weight: Tensor) -> tuple[int, int]:
    size = weight.shape[2]
    return (x.shape[2] - size + 1) // 2, (x.shape[3] - size + 1) // 2


def _empty_winners(outputs: Tensor) -> Tensor:
    """Room for the place of each window's maximum, for whole groups of examples as the kernel cuts them."""
    lanes = _function("lanes", outputs.dtype)()
    groups = -(-outputs.shape[0] // lanes)
    return torch.empty(groups * lanes * outputs[0].numel(), dtype=torch.uint8)


def _shape(inputs: Tensor, weights: Tensor) -> Any:
    examples, height, width, channels = inputs.shape
    return (ctypes.c_int64 * 6)(examples, height, width, channels, weights.shape[0], weights.shape[1])


def _pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())
