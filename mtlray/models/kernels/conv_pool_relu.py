"""The compiled kernel as a function of torch, with its gradient."""

import ctypes
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mtlray.errors import SpecError
from mtlray.models.kernels.build import library

_NAMES = {torch.float32: "float", torch.float64: "double"}
_Shape = ctypes.c_int64 * 7
_ARGUMENTS = {name: (_Shape, *[ctypes.c_void_p] * count) for name, count in (("forward", 5), ("backward", 7))}


def fits(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernel takes inputs and weights of these types and shapes; needs the compiled library.

    It takes none that torch would refuse, so that torch says why.
    """
    if x.device.type != "cpu" or x.dtype not in _NAMES or x.dtype != weight.dtype:
        return False
    _, n_in, size, columns = weight.shape
    if columns != size or x.ndim != 4 or x.shape[1] != n_in or min(x.shape[2], x.shape[3]) <= size:
        return False
    return n_in * size <= _widest_row(x.dtype)


def conv_pool_relu(x: Tensor, weight: Tensor, bias: Tensor, *, channels_last: bool = True) -> Tensor:
    """`relu(max_pool2d(conv2d(x, weight, bias), 2))` for images `[batch, channel, row, column]` on a CPU.

    The values and gradients are torch's within rounding; the same input gives the same bits. A window's gradient goes to the
    first of equal values, as torch's does. Images lie channels-last in memory, other layouts are copied; the result lies so
    too or, for what flattens it, in the order of its axes. Once differentiable, and not to be mapped by torch.func. Raises
    BuildError where there is no compiled kernel; call it only where `fits`.
    """
    outputs: Tensor = _ConvPoolReLU.apply(x, weight, bias, channels_last)
    return outputs


class _ConvPoolReLU(torch.autograd.Function):
    """Not an operator of torch.library: what that does around each call takes some 2 % of a training step."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, channels_last: bool) -> Tensor:
        inputs, weights = _channels_last(x), _channels_last(weight)
        size, lanes = weights.shape[1], _lanes(x.dtype)
        rows, columns = (inputs.shape[1] - size + 1) // 2, (inputs.shape[2] - size + 1) // 2
        outputs = torch.empty(
            (inputs.shape[0], weights.shape[0], rows, columns),
            dtype=x.dtype,
            memory_format=torch.channels_last if channels_last else torch.contiguous_format,
        )
        # The place of each window's maximum, for whole groups of examples as the kernel cuts them.
        groups = -(-inputs.shape[0] // lanes)
        winners = torch.empty(groups * lanes * rows * columns * weights.shape[0], dtype=torch.uint8)
        _call("forward", inputs, weights, channels_last, inputs, weights, bias.contiguous(), outputs, winners)
        ctx.save_for_backward(inputs, weights, winners)
        ctx.channels_last = channels_last
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        inputs, weights, winners = ctx.saved_tensors
        of_inputs = torch.empty_like(inputs) if ctx.needs_input_grad[0] else None
        of_weights = torch.empty_like(weights)
        of_bias = weights.new_empty(weights.shape[0])
        of_outputs = _channels_last(gradient) if ctx.channels_last else gradient.contiguous()
        tensors = (of_outputs, inputs, weights, winners, of_inputs, of_weights, of_bias)
        if _call("backward", inputs, weights, ctx.channels_last, *tensors):
            raise SpecError(
                f"The fused kernel takes weights of at most {_widest_row(inputs.dtype)} numbers a row. Found "
                f"{weights.shape[2] * weights.shape[3]}. Ask `fits` first, or choose kernel `torch`."
            )
        return (
            None if of_inputs is None else of_inputs.permute(0, 3, 1, 2),
            of_weights.permute(0, 3, 1, 2),
            of_bias,
            None,
        )


def _call(name: str, inputs: Tensor, weights: Tensor, channels_last: bool, *tensors: Tensor | None) -> int:
    """What the function returns, which means something for `backward` alone: 0, or 1 where it did nothing to the weights."""
    shape = _Shape(*inputs.shape, weights.shape[0], weights.shape[1], not channels_last)
    pointers = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
    return int(_function(name, inputs.dtype)(shape, *pointers))


@cache
def _function(name: str, dtype: torch.dtype) -> Any:
    function = getattr(library(), f"mtlray_{name}_{_NAMES[dtype]}")
    function.argtypes = _ARGUMENTS.get(name, ())
    return function


@cache
def _lanes(dtype: torch.dtype) -> int:
    return int(_function("lanes", dtype)())


@cache
def _widest_row(dtype: torch.dtype) -> int:
    return int(_function("widest_row", dtype)())


def _channels_last(images: Tensor) -> Tensor:
    """`[example, row, column, channel]`, contiguous; a copy only where the images lie otherwise."""
    return images.permute(0, 2, 3, 1).contiguous()
