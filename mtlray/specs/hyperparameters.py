"""Checks of a strategy's hyperparameters against the types its class declares, for what its own checks leave open."""

import dataclasses
import functools
import json
import types
import typing
from typing import Any, Literal

from mtlray.checks import is_finite, is_number
from mtlray.errors import SpecError

_WORDS = {bool: "True or False", int: "an integer", float: "a number", str: "a string", types.NoneType: "None"}
_PLURALS = {int: "integers", float: "numbers", str: "strings"}


def require_hyperparameters(strategy: Any) -> None:
    """Raise SpecError unless each field of a strategy is finite and of its declared type; an integer is a number too.

    `renorm="no"` would count as true, and `warmup_epochs=1.5` be an epoch that never comes. A type other than numbers,
    strings, booleans, None, Literal and tuples and unions of these is not looked into.
    """
    cls: type = type(strategy)
    declared = _declared(cls)
    for field in dataclasses.fields(strategy):
        value, expected = getattr(strategy, field.name), declared.get(field.name, Any)
        rule = f"be {_described_type(expected)}" if not _fits(value, expected) else "be finite"
        if rule != "be finite" or not _finite(value):
            where = f"Parameter `{field.name}` of {type(strategy).__name__}"
            raise SpecError(f"{where} should {rule}. Found `{field.name} = {value!r}`.")


@functools.cache
def _declared(cls: type) -> dict[str, Any]:
    """The types of a class's fields; resolving them takes longer than all that a trial's spec does besides."""
    try:
        return typing.get_type_hints(cls)
    except (NameError, TypeError):  # a class may declare what only a type checker can resolve
        return {}


def _fits(value: object, expected: Any) -> bool:
    origin, parts = typing.get_origin(expected), typing.get_args(expected)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return any(value == part and type(value) is type(part) for part in parts)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        each = parts[:1] * len(value) if parts[1:] == (...,) else parts
        return len(each) == len(value) and all(_fits(v, part) for v, part in zip(value, each, strict=True))
    if expected is float:
        return is_number(value)
    if expected is int:
        return hasattr(value, "__index__") and not isinstance(value, bool)
    return isinstance(value, expected) if expected in _WORDS else True


def _described_type(expected: Any) -> str:
    """A declared type in words."""
    origin, parts = typing.get_origin(expected), typing.get_args(expected)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_described_type(part) for part in parts)
    if origin is Literal:
        return " or ".join(json.dumps(part) for part in parts)
    if origin is tuple:
        return "a tuple of " + _PLURALS[parts[0]] if parts and parts[0] in _PLURALS else "a tuple"
    return _WORDS.get(expected, str(expected))


def _finite(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_finite(item) for item in value)
    return not is_number(value) or is_finite(value)
