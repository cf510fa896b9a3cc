"""A GPU that is pretended: tensors on the CPU that carry a device as a tag, so that what CUDA would refuse or wait for is seen.

While `pretended` lasts, factories and copies to "cuda" make tensors on the CPU whose memory is tagged. `Found.mixtures` lists
operations on tagged and untagged tensors (of one dimension or more, for CUDA takes numbers from the CPU), `Found.waits` what
stops until the device has caught up: numbers read from a tagged tensor, copies of one to the CPU, and operations whose result
has a size that only the device knows. Each says where in the package it was asked for.
"""

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch.nn.utils import clip_grad
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)

# What CUDA takes from both devices: indices on the CPU, copies between them, and what computes nothing.
_EITHER = (
    "index.Tensor",
    "index_put",
    "_to_copy",
    "copy_",
    "set_",
    "resize_",
    "is_same_size",
    "_like",
    "detach",
    "alias",
)
# The size of what these give is known on the device alone.
_SIZED = ("nonzero", "masked_select", "unique", "_unique2", "repeat_interleave.Tensor")


@dataclass
class Found:
    """What CUDA would refuse, and what it would wait for, counted by the line of the package."""

    mixtures: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    operations: int = 0

    def clear(self) -> None:
        self.mixtures.clear()
        self.waits.clear()
        self.operations = 0


class _Tags:
    """Which memory is the pretended device's. What is tagged is kept, so that no other tensor comes to lie there."""

    def __init__(self) -> None:
        self._on_gpu: dict[int, tuple[bool | None, Any]] = {}

    def of(self, tensor: torch.Tensor) -> bool:
        return bool(self.known(tensor))

    def known(self, tensor: torch.Tensor) -> bool | None:
        """None for what torch made for itself, such as the memory of a gradient: it belongs where it is first filled from."""
        return self._on_gpu.get(_plain(tensor).untyped_storage()._cdata, (False, None))[0]

    def put(self, tensor: torch.Tensor, on_gpu: bool | None) -> None:
        storage = _plain(tensor).untyped_storage()
        self._on_gpu[storage._cdata] = (on_gpu, storage)


def _joint(tags: list[bool | None]) -> bool | None:
    """Where the result of an operation on such tensors lies."""
    return True if any(tags) else None if None in tags or not tags else False


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor that torch.func's wrappers hold."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(tensor):
        tensor = functorch.get_unwrapped(tensor)
    return tensor


def _where() -> str:
    """The innermost line of the package that is running."""
    frame = sys._getframe(1)
    while frame is not None:
        _, package, name = frame.f_code.co_filename.rpartition("/mtlray/")
        if package:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return "outside of the package"


def _asked(arguments: tuple[Any, ...], named: dict[str, Any]) -> torch.device | None:
    """The device that a call names."""
    for value in (*arguments, named.get("device")):
        if isinstance(value, torch.device | str):
            with contextlib.suppress(RuntimeError):
                return torch.device(value)
    return None


class _Operations(TorchDispatchMode):
    """Looks at each operation, also at those that derivatives are made of."""

    def __init__(self, tags: _Tags, found: Found) -> None:
        super().__init__()
        self._tags, self._found = tags, found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = dict(kwargs or {})
        if named.get("device") is not None:
            named["device"] = CPU
        if named.get("pin_memory"):
            named["pin_memory"] = False
        given = [t for t in tree_leaves((args, named)) if isinstance(t, torch.Tensor)]
        tags = [self._tags.known(t) for t in given]
        if func._schema.is_mutable and len(tags) > 1 and tags[0] is None:
            tags[0] = _joint(tags[1:])
            self._tags.put(given[0], tags[0])
        self._look(func, given, tags)
        out = func(*args, **named)
        known = {t.untyped_storage()._cdata for t in given}
        on_gpu = None if func.__name__.startswith(("empty", "new_")) else _joint(tags)
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in known:
                self._tags.put(tensor, on_gpu)
        return out

    def _look(self, func: Any, given: list[torch.Tensor], tags: list[bool | None]) -> None:
        if not any(tags):
            return
        self._found.operations += 1
        name = str(func).removeprefix("aten.")
        if name.startswith(("_local_scalar_dense", *_SIZED)):
            self._found.waits[f"{name} @ {_where()}"] += 1
        if name.startswith("copy_") and tags[0] is False:
            self._found.waits[f"{name} @ {_where()}"] += 1
        either = any(word in name for word in _EITHER)
        foreign = [t for t, tag in zip(given, tags, strict=True) if tag is False and t.dim() > 0]
        if (foreign and not either) or (name.startswith("index") and tags[0] is False):
            shapes = [tuple(t.shape) for t in foreign]
            self._found.mixtures[f"{name} with {shapes} of the CPU @ {_where()}"] += 1


class _Calls(TorchFunctionMode):
    """Keeps calls that name the device away from CUDA, which is not there."""

    def __init__(self, tags: _Tags) -> None:
        super().__init__()
        self._tags = tags

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = dict(kwargs or {})
        if getattr(func, "__name__", "") in ("to", "__get__"):
            return func(*args, **named)
        asked = named.get("device")
        if asked is not None:
            named["device"] = CPU
        out = func(*args, **named)
        if asked is not None or not any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves((args, named))):
            on_gpu = asked is not None and torch.device(asked).type == "cuda"
            for leaf in tree_leaves(out):
                if isinstance(leaf, torch.Tensor):
                    self._tags.put(leaf, on_gpu)
        return out


@contextlib.contextmanager
def pretended() -> Iterator[Found]:
    """What is found while it lasts."""
    tags, found = _Tags(), Found()
    to_device = _Moves(tags, found)
    with pytest.MonkeyPatch.context() as patched, _Calls(tags), _Operations(tags, found):
        for name in ("tolist", "numpy"):
            patched.setattr(torch.Tensor, name, to_device.reading(name))
        patched.setattr(torch.Tensor, "to", to_device.to)
        patched.setattr(torch.Tensor, "cpu", lambda tensor, **_: tensor.to(CPU))
        patched.setattr(torch.Tensor, "cuda", lambda tensor, **_: tensor.to(GPU))
        patched.setattr(torch.Tensor, "pin_memory", lambda tensor, *_: tensor)
        patched.setattr(torch.Tensor, "device", property(lambda tensor: GPU if tags.of(tensor) else CPU))
        patched.setattr(torch.Tensor, "is_cuda", property(tags.of))
        patched.setattr(torch.nn.Module, "to", to_device.module)
        patched.setattr(clip_grad, "_group_tensors_by_device_and_dtype", _grouped(tags))
        yield found


def _grouped(tags: _Tags) -> Any:
    """Groups of gradients under the device that they are tagged with; torch makes them from what it knows itself."""
    before = clip_grad._group_tensors_by_device_and_dtype

    def grouped(tensors: list[list[torch.Tensor]]) -> Any:
        return {
            (GPU if tags.of(found[0][0]) else CPU, dtype): (found, at)
            for (_, dtype), (found, at) in before(tensors).items()
        }

    return grouped


class _Moves:
    """Moves between the devices, which are no operations of a tensor that lies on the CPU already."""

    def __init__(self, tags: _Tags, found: Found) -> None:
        self._tags, self._found = tags, found
        self._to = torch.Tensor.to

    def reading(self, name: str) -> Any:
        """A method that reads numbers, which is a wait where they are the device's."""
        before = getattr(torch.Tensor, name)

        def read(tensor: torch.Tensor, *arguments: Any, **named: Any) -> Any:
            if self._tags.of(tensor):
                self._found.waits[f"{name} @ {_where()}"] += 1
            return before(tensor, *arguments, **named)

        return read

    @property
    def to(self) -> Any:
        def to(tensor: torch.Tensor, *arguments: Any, **named: Any) -> torch.Tensor:
            if arguments and isinstance(arguments[0], torch.Tensor):
                other, *rest = arguments
                return to(tensor, GPU if self._tags.of(other) else CPU, other.dtype, *rest, **named)
            asked = _asked(arguments, named)
            rest = tuple(a for a in arguments if not isinstance(a, torch.device | str))
            named = {k: v for k, v in named.items() if k not in ("device", "non_blocking", "copy")}
            # Of positions there may be the type alone; what follows it says how to copy.
            types = [a for a in rest if isinstance(a, torch.dtype)]
            made = self._to(tensor, *types, **named) if types or named else tensor
            if asked is None or (asked.type == "cuda") == self._tags.of(tensor):
                return made
            if asked.type == "cpu":
                self._found.waits[f"to @ {_where()}"] += 1
            if made is tensor:
                made = tensor.clone()
            self._tags.put(made, asked.type == "cuda")
            return made

        return to

    @property
    def module(self) -> Any:
        def to(module: torch.nn.Module, *arguments: Any, **named: Any) -> torch.nn.Module:
            layout = named.pop("memory_format", None)

            def moved(tensor: torch.Tensor) -> torch.Tensor:
                types = [a for a in arguments if isinstance(a, torch.dtype)]
                others = [a for a in arguments if not isinstance(a, torch.dtype)]
                own = [*others, *types] if tensor.is_floating_point() else others
                made = tensor.detach().to(*own, **named) if own or named else tensor.detach()
                return made.contiguous(memory_format=layout) if layout is not None and made.dim() == 4 else made

            for part in module.modules():
                for name, parameter in part._parameters.items():
                    if parameter is not None:
                        part._parameters[name] = torch.nn.Parameter(moved(parameter), parameter.requires_grad)
                for name, buffer in part._buffers.items():
                    if buffer is not None:
                        part._buffers[name] = moved(buffer)
            return module

        return to
