"""The form in which a trial is hashed: what counts as the same, and what does not."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from mtlray.errors import SpecError
from mtlray.identity.code_digest import code_digest
from mtlray.identity.codec import class_name, encode
from mtlray.specs import SGD
from mtlray.strategies import DWA, AbstractWeighting, SingleTask


@dataclass(frozen=True)
class Grown(AbstractWeighting):
    """A strategy that got a field in a later release."""

    old: float = 1.0
    new: float = field(default=0.5, metadata={"neutral": 0.5})

    key: ClassVar[str] = "grown"

    def combine(self, losses, state):
        raise NotImplementedError


@dataclass(frozen=True)
class Loose:
    """A spec with a field of any kind."""

    value: object


def test_our_classes_go_by_their_short_names():
    assert encode(DWA()) == {"type": "DWA", "temperature": 2, "max_ratio": None}
    assert encode(SingleTask(task="left")) == {"type": "SingleTask", "task": "left"}


def test_a_users_class_goes_by_module_and_name_and_code():
    assert class_name(Grown) == f"{__name__}:Grown@{code_digest(Grown)}"


def test_values():
    for value, expected in [
        (None, None), (True, True), (3, 3), ("a", "a"), (0.1, 0.1), ((1, (2.5, "b")), [1, [2.5, "b"]]), ([], []),
    ]:  # fmt: skip
        encoded = encode(Loose(value))["value"]
        assert encoded == expected
        assert type(encoded) is type(expected)


@pytest.mark.parametrize("number", [0, 1, -2, 10**15])
def test_a_whole_float_is_the_integer(number):
    assert encode(Loose(float(number))) == encode(Loose(number))
    assert isinstance(encode(Loose(float(number)))["value"], int)


def test_a_boolean_is_not_a_number():
    assert encode(Loose(True))["value"] is True
    assert encode(Loose(1))["value"] is not True


def test_field_at_its_neutral_value_is_left_out():
    assert encode(Grown()) == {"type": class_name(Grown), "old": 1}
    assert encode(Grown(new=0.25))["new"] == 0.25


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(value):
    with pytest.raises(SpecError) as caught:
        encode(Loose((value,)))
    assert str(caught.value) == f"A spec should hold finite numbers. Found {value}."


def test_a_field_without_a_json_form():
    with pytest.raises(SpecError) as caught:
        encode(Loose({1}))
    assert str(caught.value) == (
        "The fields of a strategy, data set or model should be numbers, strings, booleans, None or tuples of these, because "
        "they are part of a trial's identity. Found `{1}` of type set."
    )


def test_encoding_is_stable():
    spec = SGD(lr=0.1, momentum=0.9)
    assert encode(spec) == encode(dataclasses.replace(spec)) == {
        "type": "SGD", "lr": 0.1, "weight_decay": 0, "strategy_lr": None, "momentum": 0.9,
    }  # fmt: skip
