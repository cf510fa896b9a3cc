"""Checks of what tells one spec from another: that all of it is in fields, and a strategy's of their declared types."""

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
        if dataclasses.is_dataclass(value) and not isinstance(value, type):  # a strategy around another
            require_hyperparameters(value)
            continue
        rule = f"be {_described_type(expected)}" if not _fits(value, expected) else "be finite"
        if rule != "be finite" or not _finite(value):
            where = f"Parameter `{field.name}` of {type(strategy).__name__}"
            raise SpecError(f"{where} should {rule}. Found `{field.name} = {value!r}`.")


def require_fields(spec: Any) -> None:
    """Raise SpecError unless all that tells an object from others of its class is in the fields of a frozen dataclass.

    Nothing else is hashed: with an `__init__` of its own, `Mine(2)` and `Mine(3)` would be one trial.
    """
    cls: type = type(spec)
    parameters = getattr(cls, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        found = "one that is not a dataclass" if parameters is None else "a dataclass that is not frozen"
        raise _not_in_fields(cls, found)
    if not _has_arguments_of_its_own(cls):
        return  # what it holds besides follows from its fields
    known = {field.name for field in dataclasses.fields(spec)}
    known |= {name for base in cls.__mro__ for name, value in vars(base).items() if _is_derived(value)}
    slots = [name for base in cls.__mro__ for name in _slots(base) if hasattr(spec, name)]
    hidden = sorted({*getattr(spec, "__dict__", {}), *slots} - known)
    if hidden:
        raise _not_in_fields(cls, f"`{hidden[0]} = {getattr(spec, hidden[0])!r}`, which is no field")


@functools.cache
def _has_arguments_of_its_own(cls: type) -> bool:
    """Whether objects are made by other code than a dataclass's, or from values that become no field."""
    made = getattr(getattr(cls, "__init__", None), "__code__", None)
    written = getattr(made, "co_filename", "") != "<string>"  # that of what dataclass makes
    pseudo = getattr(cls, "__dataclass_fields__", {}).values()
    initial = any(isinstance(field.type, dataclasses.InitVar) or "InitVar" in str(field.type) for field in pseudo)
    return written or initial or any("__new__" in vars(base) for base in cls.__mro__ if base is not object)


def _is_derived(value: object) -> bool:
    return isinstance(value, functools.cached_property)


def _slots(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _not_in_fields(cls: type, found: str) -> SpecError:
    return SpecError(
        f"`{cls.__name__}` should be a frozen dataclass and hold all its settings in fields, because these are what tells one "
        f"trial from another. Found {found}. Write `@dataclass(frozen=True)` above the class, and in place of `__init__` "
        "declare each setting, as in `scale: float = 1.0`."
    )


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
