"""Optimizers as specs: torch's own, by their names and arguments."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mtlray.checks import integer, is_finite, is_number, require
from mtlray.errors import SpecError
from mtlray.specs.schedule import Schedule
from mtlray.words.values import shortest


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec:
    """An optimizer and its settings; `strategy_lr` is for a strategy's own parameters (None: as the model).

    Both learning rates follow `schedule` (None: constant), or are halved after each `halve_every` steps (None: never). With
    `clip_norm` the gradient of each trial's network, trunk and heads together, is shortened to that norm before a step.
    With `decay_vectors` off, weight decay leaves out biases and the parameters of norms, all that is a vector.
    """

    key: ClassVar[str]
    component_version: ClassVar[int] = 1
    """Raised by a change that alters its updates; trials of this class alone then get new ids."""

    lr: float
    weight_decay: float = 0.0
    strategy_lr: float | None = None
    halve_every: int | None = field(default=None, metadata={"neutral": None})
    schedule: Schedule | None = field(default=None, metadata={"neutral": None})
    clip_norm: float | None = field(default=None, metadata={"neutral": None})
    decay_vectors: bool = field(default=True, metadata={"neutral": True})

    def __post_init__(self) -> None:
        for name in ("lr", "weight_decay"):
            require(is_number(getattr(self, name)), name, "be a number", repr(getattr(self, name)))
        require(self.lr > 0, "lr", "be positive", self.lr)
        require(self.weight_decay >= 0, "weight_decay", "be at least 0", self.weight_decay)
        own_rate = self.strategy_lr is None or (is_number(self.strategy_lr) and self.strategy_lr > 0)
        require(own_rate, "strategy_lr", "be positive or None", self.strategy_lr)
        for field_ in dataclasses.fields(self):
            value = getattr(self, field_.name)
            require(not is_number(value) or is_finite(value), field_.name, "be finite", value)
            if field_.type is bool:  # a word such as "no" would count as True
                require(isinstance(value, bool), field_.name, "be True or False", repr(value))
        if self.halve_every is not None:
            rule = "be a number of steps, at least 1, or None"
            object.__setattr__(self, "halve_every", integer("halve_every", self.halve_every, rule))
            require(self.halve_every >= 1, "halve_every", rule, self.halve_every)
        a_schedule = self.schedule is None or isinstance(self.schedule, Schedule)
        require(a_schedule, "schedule", "be a schedule, such as Cosine(), or None", self.schedule)
        one = self.schedule is None or self.halve_every is None
        require(one, "halve_every", "be left out where there is a `schedule`", self.halve_every)
        clips = self.clip_norm is None or (is_number(self.clip_norm) and self.clip_norm > 0)
        require(clips, "clip_norm", "be positive or None", self.clip_norm)

    @property
    def label(self) -> str:
        """The name in tables, with the settings that differ from their defaults but for the learning rate, which has a column.

        A subclass that is one of many optimizers may name it otherwise.
        """
        changed = [
            f"{f.name}={shortest(getattr(self, f.name))}"
            for f in sorted(dataclasses.fields(self), key=lambda f: f.name)
            if f.name != "lr" and getattr(self, f.name) != f.default
        ]
        return f"{self.key}({','.join(changed)})" if changed else self.key

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of torch's optimizer but for parameters, learning rates and weight decay: the subclass's own fields."""
        common = {f.name for f in dataclasses.fields(OptimizerSpec)}
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in common}


def _require_betas(betas: tuple[float, float]) -> None:
    fits = isinstance(betas, tuple) and len(betas) == 2 and all(is_number(beta) and 0 <= beta < 1 for beta in betas)
    require(fits, "betas", "be two numbers in [0, 1)", betas)


@dataclass(frozen=True, kw_only=True)
class SGD(OptimizerSpec):
    """Stochastic gradient descent with momentum; with `nesterov`, Nesterov's.

    >>> from mtlray import SGD, learning_rates
    >>> [optimizer.lr for optimizer in learning_rates(SGD(lr=0.1, momentum=0.9), (0.1, 0.01))]
    [0.1, 0.01]
    """

    key: ClassVar[str] = "sgd"
    momentum: float = 0.0
    nesterov: bool = field(default=False, metadata={"neutral": False})

    def __post_init__(self) -> None:
        super().__post_init__()
        require(is_number(self.momentum), "momentum", "be a number", repr(self.momentum))
        require(0 <= self.momentum < 1, "momentum", "lie in [0, 1)", self.momentum)
        require(not self.nesterov or self.momentum > 0, "nesterov", "be False without momentum", self.nesterov)


@dataclass(frozen=True, kw_only=True)
class Adam(OptimizerSpec):
    """Adam (Kingma and Ba 2015); weight decay is added to the gradient.

    >>> from mtlray import Adam
    >>> Adam(lr=0.001).lr
    0.001
    """

    key: ClassVar[str] = "adam"
    betas: tuple[float, float] = field(default=(0.9, 0.999), metadata={"neutral": (0.9, 0.999)})
    eps: float = field(default=1e-8, metadata={"neutral": 1e-8})

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "betas", tuple(self.betas) if isinstance(self.betas, list) else self.betas)
        _require_betas(self.betas)
        require(is_number(self.eps) and self.eps > 0, "eps", "be positive", self.eps)


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019). Its decay is 0 by default, where torch's is 0.01.

    >>> from mtlray import AdamW
    >>> AdamW(lr=0.001, weight_decay=0.01).label
    'adamw(weight_decay=0.01)'
    """

    key: ClassVar[str] = "adamw"


@dataclass(frozen=True, kw_only=True)
class NAdam(Adam):
    """Adam with Nesterov momentum (Dozat 2016)."""

    key: ClassVar[str] = "nadam"
    momentum_decay: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = is_number(self.momentum_decay) and self.momentum_decay >= 0
        require(fits, "momentum_decay", "be at least 0", self.momentum_decay)


@dataclass(frozen=True, kw_only=True)
class RMSprop(OptimizerSpec):
    """RMSprop (Hinton 2012)."""

    key: ClassVar[str] = "rmsprop"
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "momentum"):
            value = getattr(self, name)
            require(is_number(value) and 0 <= value < 1, name, "lie in [0, 1)", value)
        require(is_number(self.eps) and self.eps > 0, "eps", "be positive", self.eps)


@dataclass(frozen=True, kw_only=True)
class Adagrad(OptimizerSpec):
    """Adagrad (Duchi et al. 2011)."""

    key: ClassVar[str] = "adagrad"
    lr_decay: float = 0.0
    initial_accumulator_value: float = 0.0
    eps: float = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("lr_decay", "initial_accumulator_value"):
            value = getattr(self, name)
            require(is_number(value) and value >= 0, name, "be at least 0", value)
        require(is_number(self.eps) and self.eps > 0, "eps", "be positive", self.eps)


def learning_rates(optimizer: OptimizerSpec, rates: Iterable[float]) -> tuple[OptimizerSpec, ...]:
    """The same optimizer at each of some learning rates: a sweep's `optimizers`."""
    return tuple(dataclasses.replace(optimizer, lr=rate) for rate in rates)


OPTIMIZERS: tuple[type[OptimizerSpec], ...] = (SGD, Adam, AdamW, NAdam, RMSprop, Adagrad)


def require_optimizer(spec: OptimizerSpec) -> None:
    """Raise SpecError unless the optimizer is one of OPTIMIZERS, or a class of torch's kind in an `OwnOptimizer`."""
    if type(spec) not in OPTIMIZERS and spec.key != "own":
        names = ", ".join(cls.__name__ for cls in OPTIMIZERS)
        raise SpecError(
            f"Parameter `optimizer` should be one of {names}, or OwnOptimizer(a class of your own, lr=...). Found `{spec}`."
        )
