"""Specs as plain JSON values, with the class of each part named; the form in which a trial's identity is hashed.

Our own classes are named by their name; those of an installed package by module and name, with the package's version where it
offers strategies, models or data sets to mtlray; and a user's own by its name, with its module unless that is the sweep file, and
a digest of its code, because changing the code changes the numbers.
"""

import dataclasses
import json
import math
from collections.abc import Iterator
from functools import cache, lru_cache
from types import FunctionType
from typing import Any

from mtlray.errors import SpecError
from mtlray.identity.code_digest import code_digest, is_users_own, made_elsewhere
from mtlray.identity.plugins import is_installed, package_of
from mtlray.identity.user_code.sources import SWEEP_MODULE
from mtlray.words.masking import holds_credentials


def encode(value: Any) -> Any:
    """A spec as JSON values. Raises SpecError for a field that has no JSON form."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"type": class_name(type(value)), **{name: encode(field) for name, field in _identity(value)}}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise SpecError(f"A spec should hold finite numbers. Found {value}.")
        return int(value) if value.is_integer() else value  # 1 and 1.0 are the same trial
    if isinstance(value, str) and holds_credentials(value):
        raise SpecError(
            f"A spec should hold no credentials, because it is stored with each result. Found `{value}`. Give them by the "
            "environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, FunctionType):
        return {"function": class_name(value)}
    if isinstance(value, type):
        return {"class": class_name(value)}
    raise SpecError(
        "The fields of a strategy, data set or model should be numbers, strings, booleans, None or tuples of these, because "
        f"they are part of a trial's identity. Found `{value!r}` of type {type(value).__name__}."
    )


def _identity(spec: Any) -> Iterator[tuple[str, Any]]:
    """The fields that tell a spec from others; one that came later is left out at the value that stands for "as before".

    So is the version of the component's code while it is 1.
    """
    cls: type = type(spec)
    version = getattr(cls, "component_version", 1)
    if version > 1:
        yield "component_version", version
    for name, has_neutral, neutral in _identity_fields(cls):
        value = getattr(spec, name)
        if not (has_neutral and value == neutral):
            yield name, value


@cache
def _identity_fields(cls: Any) -> tuple[tuple[str, bool, Any], ...]:
    """The fields of a class that say what something is, and not where it lies; with the value at which one is left out."""
    fields = (f for f in dataclasses.fields(cls) if f.metadata.get("identity", True))
    return tuple((f.name, "neutral" in f.metadata, f.metadata.get("neutral")) for f in fields)


def canonical_json(spec: Any) -> str:
    """`encode(spec)` as text with sorted keys and no spaces. A part that many specs share is encoded once for all of them.

    Raises SpecError as `encode` does.
    """
    cls: type = type(spec)
    texts = {"type": _name_json(cls)}
    for name, value in _identity(spec):
        if type(value) is int:  # what differs between most trials of a large grid
            texts[name] = str(value)
        elif dataclasses.is_dataclass(value):
            texts[name] = _part_json(Same(value))
        else:
            texts[name] = _dumps(encode(value))
    return "{" + ",".join(f'"{name}":{texts[name]}' for name in sorted(texts)) + "}"


_dumps = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class Same:
    """Stands for an object in a cache, equal to nothing but itself: 1 and True are equal and have two JSON forms."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value


@cache
def _name_json(cls: type) -> str:
    return _dumps(class_name(cls))


@lru_cache(maxsize=1024)
def _part_json(part: Same) -> str:
    return _dumps(encode(part.value))


def is_ours(found: type | FunctionType) -> bool:
    """Whether a class or function is mtlray's own."""
    return found.__module__.split(".")[0] == "mtlray"


@cache
def class_name(cls: type | FunctionType) -> str:
    """The name under which a class or a function enters a trial's identity."""
    if is_ours(cls):
        return cls.__name__
    if cls.__module__ == "abc":  # what type("Mine", (AbstractWeighting,), {}) gives
        raise made_elsewhere(cls)
    if cls.__module__.startswith(SWEEP_MODULE):
        return f"{cls.__qualname__}@{code_digest(cls)}"
    name = f"{cls.__module__}:{cls.__qualname__}"
    package = package_of(cls.__module__)
    if package is not None:
        name += f"@{package}"
    return f"{name}@{code_digest(cls)}" if is_users_own(cls) and not is_installed(cls.__module__) else name
