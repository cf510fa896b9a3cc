"""A strategy's hyperparameters are refused when a sweep is written, whatever the class itself looks at."""

import math
from dataclasses import InitVar, dataclass
from functools import cached_property
from typing import ClassVar, Literal

import pytest
import torch

from mtlray import SGD, Equal, LeNet, MultiMNIST, SweepSpec, TrialSpec
from mtlray.errors import SpecError
from mtlray.specs.hyperparameters import require_fields, require_hyperparameters
from mtlray.strategies import (
    DWA,
    EMA,
    LBTW,
    STCH,
    STRATEGIES,
    AbstractStrategy,
    Constant,
    ExcessMTL,
    RevisedUncertainty,
    SDMGrad,
    SingleTask,
    SoftAdapt,
    STCHMultiTask,
    Uncertainty,
)
from mtlray.testing import TASKS
from mtlray.training.contract import initial_state


def altered(strategy, **fields):
    """A strategy as it would be without the type checks that are active in tests."""
    for name, value in fields.items():
        object.__setattr__(strategy, name, value)
    return strategy


@dataclass(frozen=True)
class Mine(Equal):
    key: ClassVar[str] = "mine"
    mode: Literal["a", "b"] = "a"
    pair: tuple[int, str] = (1, "x")
    free: object = None


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        (altered(SoftAdapt(), n_losses=2.5), "`n_losses` of SoftAdapt should be an integer. Found `n_losses = 2.5`"),
        (altered(STCHMultiTask(), warmup_epochs=1.5), "`warmup_epochs` of STCHMultiTask should be an integer"),
        (altered(STCHMultiTask(), warmup_epochs=True), "`warmup_epochs` of STCHMultiTask should be an integer"),
        (altered(ExcessMTL(), warmup_steps=2.5), "`warmup_steps` of ExcessMTL should be an integer"),
        (altered(SDMGrad(), iterations=1.5), "`iterations` of SDMGrad should be an integer"),
        (altered(LBTW(), renorm="no"), "`renorm` of LBTW should be True or False. Found `renorm = 'no'`"),
        (altered(EMA(), renorm=1), "`renorm` of EMA should be True or False"),
        (DWA(temperature=math.inf), "`temperature` of DWA should be finite. Found `temperature = inf`"),
        (altered(DWA(), max_ratio=True), "`max_ratio` of DWA should be a number or None"),
        (Uncertainty(initial_log_variance=math.nan), "`initial_log_variance` of Uncertainty should be finite"),
        (STCH(reference=(0.0, math.nan)), r"`reference` of STCH should be finite. Found `reference = \(0.0, nan\)`"),
        (
            altered(Constant((1.0, 2.0)), weights=[1.0, 2.0]),
            r"`weights` of Constant should be a tuple of numbers. Found `weights = \[1.0, 2.0\]`",
        ),
        (altered(Constant((1.0, 2.0)), weights=(True, 2.0)), "`weights` of Constant should be a tuple of numbers"),
        (altered(SingleTask("left"), task=1), "`task` of SingleTask should be a string"),
        (Mine(mode="c"), '`mode` of Mine should be "a" or "b". Found `mode = \'c\'`'),
        (Mine(pair=(1, 2)), "`pair` of Mine should be a tuple of integers"),
        (Mine(pair=(1, "x", "y")), "`pair` of Mine should be a tuple"),
    ],
    ids=repr,
)
def test_a_value_of_another_type_or_that_is_not_finite_is_refused(strategy, text):
    with pytest.raises(SpecError, match=f"^Parameter {text}"):
        require_hyperparameters(strategy)


@pytest.mark.parametrize("cls", [c for c in STRATEGIES if c not in (SingleTask, Constant)], ids=lambda c: c.key)
def test_defaults_are_of_their_declared_types(cls):
    require_hyperparameters(cls())


def test_what_a_class_leaves_open_is_not_looked_into():
    require_hyperparameters(Mine(mode="b", pair=(2, "y"), free=[1]))
    Unresolved = dataclass(frozen=True)(type("Unresolved", (Equal,), {"__annotations__": {"x": "Nowhere"}, "x": 1}))
    require_hyperparameters(Unresolved(x="anything"))


def test_trials_and_sweeps_ask():
    base = {"dataset": MultiMNIST(), "model": LeNet(), "optimizer": SGD(lr=0.1), "steps": 1}
    with pytest.raises(SpecError, match="`renorm` of EMA"):
        TrialSpec(strategy=altered(EMA(), renorm="no"), **base)
    trial = TrialSpec(strategy=Equal(), **base)
    with pytest.raises(SpecError, match="`renorm` of EMA"):
        SweepSpec(name="x", question="?", base=trial, strategies=(altered(EMA(), renorm="no"),), seeds=(0,))


@pytest.mark.parametrize(
    ("whole", "fractional"),
    [
        (Uncertainty(initial_log_variance=1), Uncertainty(initial_log_variance=1.0)),
        (RevisedUncertainty(initial=2), RevisedUncertainty(initial=2.0)),
        (RevisedUncertainty(parametrisation="log", initial=2), RevisedUncertainty(parametrisation="log", initial=2.0)),
        (Constant((1, 2, 3)), Constant((1.0, 2.0, 3.0))),
        (STCH(weights=(1, 2, 3), reference=(0, 1, 0)), STCH(weights=(1.0, 2.0, 3.0), reference=(0.0, 1.0, 0.0))),
    ],
    ids=repr,
)
def test_an_integer_starts_a_trial_as_the_same_number_with_a_point_does(
    whole: AbstractStrategy, fractional: AbstractStrategy
):
    first, second = (initial_state(s, TASKS, (3, 4), torch.device("cpu"), torch.float64) for s in (whole, fractional))
    torch.testing.assert_close(first.params | first.buffers, second.params | second.buffers, rtol=0, atol=0)


def by_hand(self, scale):
    object.__setattr__(self, "scale", scale)


def from_initial(self, scale):
    object.__setattr__(self, "hidden", scale)


class Written(Equal):
    """Not decorated: `Written(2)` and `Written(3)` have the same fields, none."""

    key: ClassVar[str] = "written"
    __init__ = by_hand


@dataclass(frozen=True, init=False)
class WrittenInADataclass(Equal):
    key: ClassVar[str] = "written"
    __init__ = by_hand


@dataclass(frozen=True)
class FromInitial(Equal):
    key: ClassVar[str] = "initial"
    scale: InitVar[float]
    __post_init__ = from_initial


class OwnNew(Equal):
    key: ClassVar[str] = "new"

    def __new__(cls, scale):
        made = object.__new__(cls)
        object.__setattr__(made, "scale", scale)
        return made

    def __init__(self, scale):
        pass


class Loose:
    """No dataclass at all."""


@dataclass
class Open:
    scale: float = 1.0


BAD = {
    "own __init__": (Written(2.0), "Found `scale = 2.0`, which is no field"),
    "own __init__ in a dataclass": (WrittenInADataclass(2.0), "Found `scale = 2.0`, which is no field"),
    "InitVar": (FromInitial(2.0), "Found `hidden = 2.0`, which is no field"),
    "own __new__": (OwnNew(2.0), "Found `scale = 2.0`, which is no field"),
    "no dataclass": (Loose(), "Found one that is not a dataclass"),
    "not frozen": (Open(), "Found a dataclass that is not frozen"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_in_fields_is_refused(name):
    spec, found = BAD[name]
    with pytest.raises(SpecError, match=r"should be a frozen dataclass .* `@dataclass\(frozen=True\)`") as caught:
        require_fields(spec)
    assert found in str(caught.value)


@dataclass(frozen=True)
class Derived(Equal):
    key: ClassVar[str] = "derived"
    scale: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "doubled", 2 * self.scale)

    @cached_property
    def tripled(self):
        return 3 * self.scale


@dataclass(frozen=True, init=False)
class FieldsByHand(Equal):
    key: ClassVar[str] = "by_hand"
    scale: float = 1.0

    def __init__(self, scale):
        object.__setattr__(self, "scale", 2 * scale)

    @cached_property
    def tripled(self):
        return 3 * self.scale


class Undecorated(Equal):
    """Has no setting."""

    key: ClassVar[str] = "undecorated"


def test_what_follows_from_the_fields_may_be_kept():
    for spec in (Derived(), FieldsByHand(1.0), Undecorated(), Equal(), MultiMNIST(), LeNet(), SGD(lr=0.1)):
        getattr(spec, "tripled", None)
        require_fields(spec)


def test_trials_and_sweeps_ask_for_fields():
    base = {"dataset": MultiMNIST(), "model": LeNet(), "optimizer": SGD(lr=0.1), "steps": 1}
    trial = TrialSpec(strategy=Equal(), **base)
    with pytest.raises(SpecError, match="`Written` should be a frozen dataclass"):
        TrialSpec(strategy=Written(2.0), **base)
    with pytest.raises(SpecError, match="`Written` should be a frozen dataclass"):
        SweepSpec(name="x", question="?", base=trial, strategies=(Written(2.0),), seeds=(0,))
