"""Optimizers as specs: SGD and Adam."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from mtlray.checks import integer, is_finite, is_number, require
from mtlray.words.values import shortest


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec:
    """An optimizer and its settings; `strategy_lr` is for a strategy's own parameters (None: as the model).

    Both learning rates are halved after each `halve_every` steps (None: never).
    """

    key: ClassVar[str]
    component_version: ClassVar[int] = 1
    """Raised by a change that alters its updates; trials of this class alone then get new ids."""

    lr: float
    weight_decay: float = 0.0
    strategy_lr: float | None = None
    halve_every: int | None = field(default=None, metadata={"neutral": None})

    def __post_init__(self) -> None:
        for name in ("lr", "weight_decay"):
            require(is_number(getattr(self, name)), name, "be a number", repr(getattr(self, name)))
        require(self.lr > 0, "lr", "be positive", self.lr)
        require(self.weight_decay >= 0, "weight_decay", "be at least 0", self.weight_decay)
        require(
            self.strategy_lr is None or self.strategy_lr > 0, "strategy_lr", "be positive or None", self.strategy_lr
        )
        for name in ("lr", "weight_decay", "strategy_lr"):
            value = getattr(self, name)
            require(value is None or is_finite(value), name, "be finite", value)
        if self.halve_every is not None:
            rule = "be a number of steps, at least 1, or None"
            object.__setattr__(self, "halve_every", integer("halve_every", self.halve_every, rule))
            require(self.halve_every >= 1, "halve_every", rule, self.halve_every)

    @property
    def label(self) -> str:
        """`key`, with the settings that differ from their defaults but for the learning rate, which has a column of its own."""
        changed = [
            f"{f.name}={shortest(getattr(self, f.name))}"
            for f in sorted(dataclasses.fields(self), key=lambda f: f.name)
            if f.name != "lr" and getattr(self, f.name) != f.default
        ]
        return f"{self.key}({','.join(changed)})" if changed else self.key


@dataclass(frozen=True, kw_only=True)
class SGD(OptimizerSpec):
    """Stochastic gradient descent with momentum, no Nesterov.

    >>> from mtlray import SGD, learning_rates
    >>> [optimizer.lr for optimizer in learning_rates(SGD(lr=0.1, momentum=0.9), (0.1, 0.01))]
    [0.1, 0.01]
    """

    key: ClassVar[str] = "sgd"
    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(is_number(self.momentum), "momentum", "be a number", repr(self.momentum))
        require(0 <= self.momentum < 1, "momentum", "lie in [0, 1)", self.momentum)


@dataclass(frozen=True, kw_only=True)
class Adam(OptimizerSpec):
    """Adam (Kingma and Ba 2015) with torch's defaults for betas and eps.

    >>> from mtlray import Adam
    >>> Adam(lr=0.001).lr
    0.001
    """

    key: ClassVar[str] = "adam"


def learning_rates(optimizer: OptimizerSpec, rates: Iterable[float]) -> tuple[OptimizerSpec, ...]:
    """The same optimizer at each of some learning rates: a sweep's `optimizers`."""
    return tuple(dataclasses.replace(optimizer, lr=rate) for rate in rates)
