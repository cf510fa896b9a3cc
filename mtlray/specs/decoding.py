"""A trial's canonical text back as a spec, where all of its parts are mtlray's own."""

import json
from typing import Any

import mtlray
from mtlray.errors import MtlrayError
from mtlray.specs.trial import TrialSpec


def decoded(canonical: str) -> TrialSpec | None:
    """The trial whose canonical text this is; None where a part is another's, or of another version of mtlray.

    Nothing but classes and functions that `mtlray` names is looked up, and what they make has to have the same text.
    """
    try:
        spec = _value({name: value for name, value in json.loads(canonical).items() if name != "versions"})
        return spec if isinstance(spec, TrialSpec) and spec.canonical == canonical else None
    except (MtlrayError, ValueError, TypeError, LookupError, AttributeError):
        return None


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_value, value))
    if not isinstance(value, dict):
        return value
    kind = "type" if "type" in value else "function"
    if value[kind] not in dir(mtlray):
        raise LookupError(value[kind])
    found = getattr(mtlray, value[kind])
    rest = {name: _value(entry) for name, entry in value.items() if name not in (kind, "component_version")}
    return found(**rest) if kind == "type" else found
