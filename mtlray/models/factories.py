"""Network: a model in one line, from functions of your own that make a trunk and heads."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, ClassVar

from torch import nn

from mtlray.checks import require
from mtlray.errors import SpecError
from mtlray.models.base import ModelSpec, SharedTrunk, linear_head
from mtlray.models.fitting import check_fit, of_one_example
from mtlray.tasks.task import Task

Factory = Callable[..., nn.Module]


@dataclass(frozen=True, kw_only=True)
class Network(ModelSpec):
    """A model from factories: `trunk(input_shape)` makes the trunk, `head(shape, task)` the head of a task.

    `shape` is that of one example's representation, found by trying the trunk; a head that is one linear layer is
    `nn.Linear(*shape, *task.output_shape)`, and is the default where the representation is one vector. A factory is a function or
    a class, or, where it has settings, a frozen dataclass with `__call__`. Its code is part of a trial's identity. A network
    with dropout says so by `dropout=True`, and its trials run one by one. `name` stands in results; by default the trunk's.
    Raises SpecError.

    >>> from mtlray import Network, binary
    >>> from torch import nn
    >>> def build_trunk(input_shape):
    ...     return nn.Sequential(nn.Flatten(), nn.Linear(*input_shape, 32), nn.Tanh())
    >>> network = Network(trunk=build_trunk).build((10,), [binary("large"), binary("heavy")])
    >>> network.heads["heavy"]
    Linear(in_features=32, out_features=1, bias=True)
    """

    trunk: Factory
    head: Factory | None = None
    dropout: bool = False
    name: str = ""

    key: ClassVar[str] = "network"

    def __post_init__(self) -> None:
        for part in ("trunk", "head"):
            factory = getattr(self, part)
            rule = f"be a function that makes a module, as in `{part}=build_{part}`"
            require(callable(factory) or (part == "head" and factory is None), part, rule, repr(factory))
            settled = factory is None or isinstance(factory, (type, FunctionType)) or _is_frozen(factory)
            if not settled and not isinstance(factory, nn.Module):
                raise SpecError(
                    f"Parameter `{part}` should be a function, a class, or a frozen dataclass with `__call__`, whose fields are "
                    f"its settings, because these tell one trial from another. Found {type(factory).__name__}. Write "
                    "`@dataclass(frozen=True)` above a class with the fields and `def __call__(self, ...)`."
                )
            if isinstance(factory, nn.Module):
                raise SpecError(
                    f"Parameter `{part}` should be a function that makes a module anew for each trial. Found a module, which all "
                    f"trials would share. Write `def build_{part}(...): return {type(factory).__name__}(...)`."
                )
        require(isinstance(self.dropout, bool), "dropout", "be True or False", repr(self.dropout))

    @property
    def label(self) -> str:
        return self.name or (getattr(self.trunk, "__name__", "") or _named(self.trunk)).removeprefix("build_")

    @property
    def stochastic(self) -> bool:
        return self.dropout

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Builds and tries the network. Raises SpecError where it does not take the inputs or serve the tasks."""
        check_fit(self, input_shape, tuple(tasks))

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        trunk = _module("trunk", self.trunk, input_shape)
        shape = of_one_example(trunk, input_shape)
        return SharedTrunk(trunk, {task.name: self._head(shape, task) for task in tasks})

    def _head(self, shape: tuple[int, ...], task: Task) -> nn.Module:
        if self.head is not None:
            return _module("head", self.head, shape, task)
        if len(shape) != 1:
            raise SpecError(
                f"The trunk of model {self.label} should return a vector for each example, or `head` be given. Found a "
                f"representation of {list(shape)}. End the trunk with `nn.Flatten()`, or write a `head(shape, task)`."
            )
        return linear_head(task, shape[0])


def _module(part: str, factory: Factory, *arguments: Any) -> nn.Module:
    made = factory(*arguments)
    if not isinstance(made, nn.Module):
        raise SpecError(f"The factory of the {part} should return a torch.nn.Module. Found {type(made).__name__}.")
    return made


def _is_frozen(factory: object) -> bool:
    parameters = getattr(type(factory), "__dataclass_params__", None)
    return parameters is not None and parameters.frozen


def _named(factory: object) -> str:
    """A dataclass with its settings, as in `Wide(width=64)`."""
    if not dataclasses.is_dataclass(factory) or isinstance(factory, type):
        return type(factory).__name__
    settings = ", ".join(f"{f.name}={getattr(factory, f.name)}" for f in dataclasses.fields(factory))
    return f"{type(factory).__name__}({settings})"
