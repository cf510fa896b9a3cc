"""How much work a network does, counted without doing it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from mtlray.axes import TokenShape
from mtlray.models.base import ModelSpec
from mtlray.tasks.task import Task

_PRODUCTS = ("linear", "conv1d", "conv2d", "conv3d")


@dataclass(frozen=True)
class Operations:
    """Of the forward pass of one example: multiplications and additions of convolutions and linear layers, and numbers that all
    other functions return; and the parameters.
    """

    flops: int
    values: int
    parameters: int


def operations(model: ModelSpec, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> Operations:
    """Counted on a batch of no example, which has shapes and costs next to nothing. No random number is drawn.

    Raises what a model raises that does not take such a batch.
    """
    with torch.no_grad():
        with _Counter():
            network = model.build(input_shape, tasks).eval()
        nothing = torch.empty(
            0, *input_shape, dtype=torch.long if isinstance(input_shape, TokenShape) else torch.float32
        )
        with _Counter() as counter:
            network(nothing)
    return Operations(counter.flops, counter.values, sum(p.numel() for p in network.parameters()))


class _Counter(TorchFunctionMode):
    """Counts what functions do to a row of their axis 0, and leaves out those that change a tensor in place: they fill weights.

    torch.utils.flop_counter counts more kinds of functions, and takes more than a second to start; so does the meta device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.values = 0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        name = function.__name__
        in_place = name.endswith("_") and not name.startswith("_")
        given = [*args, *(kwargs or {}).values()]
        result = given[0] if in_place else function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple) else (result,):
            if isinstance(tensor, Tensor) and not name.startswith("_"):
                n = math.prod(tensor.shape[1:])
                if name in _PRODUCTS:
                    weight = given[1]
                    self.flops += 2 * weight.numel() * n // weight.shape[0]
                else:
                    self.values += n
        return result
