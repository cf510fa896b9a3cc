"""How learning rates change over a trial: torch's schedules as specs, and a linear warm-up before any of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mtlray.checks import integer, is_number, require
from mtlray.words.values import shortest


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What the learning rates are multiplied by, over `warmup` steps from 1 / `warmup` up to 1, and then as the subclass says.

    This class alone keeps the rates constant after the warm-up. Schedules are torch's own, stepped after each optimizer step;
    rates of a strategy's own parameters follow the same schedule.

    >>> from mtlray import SGD, Cosine
    >>> SGD(lr=0.1, schedule=Cosine(warmup=500)).label
    'sgd(schedule=cosine(warmup=500))'
    """

    warmup: int = 0

    def __post_init__(self) -> None:
        rule = "be a number of steps, at least 0"
        object.__setattr__(self, "warmup", integer("warmup", self.warmup, rule))
        require(self.warmup >= 0, "warmup", rule, self.warmup)

    @property
    def by_score(self) -> bool:
        """Whether the rates depend on the trial's own validation score."""
        return False

    @property
    def by_steps(self) -> bool:
        """Whether the rates depend on the trial's number of steps."""
        return False

    def __str__(self) -> str:
        settings = ((name, getattr(self, name)) for name in sorted(self.__dataclass_fields__))
        changed = [
            f"{name}={shortest(value)}" for name, value in settings if value != self.__dataclass_fields__[name].default
        ]
        name = type(self).__name__.lower()
        return f"{name}({','.join(changed)})" if changed else name


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """From 1 down to `end` along half a cosine, over all steps of the trial after the warm-up (Loshchilov and Hutter 2017)."""

    end: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(is_number(self.end) and 0 <= self.end < 1, "end", "lie in [0, 1)", self.end)

    @property
    def by_steps(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class Steps(Schedule):
    """Multiplied by `factor` after each `every` steps."""

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        rule = "be a number of steps, at least 1"
        object.__setattr__(self, "every", integer("every", self.every, rule))
        require(self.every >= 1, "every", rule, self.every)
        _require_factor(self.factor)


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """Multiplied by `factor` at each of the steps `at`, counted from the end of the warm-up."""

    at: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        rule = "be numbers of steps, at least 1, each larger than the one before"
        require(isinstance(self.at, Sequence), "at", rule, self.at)
        steps = tuple(integer("at", step, rule) for step in self.at)
        object.__setattr__(self, "at", steps)
        require(bool(steps) and steps[0] >= 1 and list(steps) == sorted(set(steps)), "at", rule, self.at)
        _require_factor(self.factor)


@dataclass(frozen=True, kw_only=True)
class Plateau(Schedule):
    """Multiplied by `factor` where the validation score has not grown by `threshold` in more than `patience` evaluations.

    The score is that of the curves, see docs/results.md. Needs a validation split; its trials run one by one.
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        rule = "be a number of evaluations, at least 0"
        object.__setattr__(self, "patience", integer("patience", self.patience, rule))
        require(self.patience >= 0, "patience", rule, self.patience)
        fits = is_number(self.threshold) and 0 <= self.threshold < math.inf
        require(fits, "threshold", "be at least 0, and finite", self.threshold)
        _require_factor(self.factor)

    @property
    def by_score(self) -> bool:
        return True


def _require_factor(factor: object) -> None:
    require(is_number(factor) and 0 < factor < 1, "factor", "lie in (0, 1)", factor)  # type: ignore[operator]
