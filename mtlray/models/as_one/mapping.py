"""A part of a network mapped over the seeds of a pack with torch.func."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call, vmap

from mtlray.errors import SpecError

Mapped = Callable[[Tensor], Any]


def mapped(
    module: nn.Module, prefix: str, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], model: str
) -> Mapped:
    """A part of the network of `model` as a function of inputs `[seed, ...]`.

    Its parameters and buffers, which lead with the `seed` axis, are known by how their names start. What it returns raises
    SpecError where torch.func cannot map the part, which may well run alone.
    """

    def call(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Any:
        return functional_call(module, (parameters, buffers), (x,))

    own, own_buffers = (
        {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        for tensors in (parameters, buffers)
    )
    return partial(_packed, vmap(call, randomness="error"), model, own, own_buffers)


def _packed(
    call: Callable[..., Any], model: str, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor
) -> Any:
    try:
        return call(parameters, buffers, x)
    except RuntimeError as error:
        said = " ".join(str(error).split())
        if "vmap" not in said and "atching rule" not in said:
            raise
        raise SpecError(
            f"The networks of model {model} should run as a pack of {len(x)} seeds. torch.func cannot map them: "
            f"{said[:200].rstrip('.')}. Choose pack size 1."
        ) from error
