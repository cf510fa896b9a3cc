"""Configuration: what tells the cells of a table apart. One definition, for planning and for tables.

Trials of one configuration differ in the seed alone; a mean is taken over these and over nothing else.
"""

from collections.abc import Iterator, Mapping
from typing import Any

SETTING_KEYS = ("optimizer", "learning_rate")  # null where the sweep was described before they were recorded
PARTS = ("dataset", "model", "strategy", "optimizer")
"""What a trial consists of; each goes by its label, and its own fields by dotted names, as `strategy.temperature`."""

Scalar = str | int | float | bool | None


def configuration(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """The configuration of an entry of a sweep's trial list: data set, strategy, optimizer, learning rate, fraction, axes.

    Axes are those that the sweep varies besides, with the value of each; one that the trial's parts lack is absent.
    """
    optimizer, rate = SETTING_KEYS  # in one tuple, because a large sweep asks for every trial's
    own = (entry["dataset"], entry["strategy"], entry.get(optimizer), entry.get(rate), float(entry["fraction"]))
    axes = entry.get("axes")
    return (*own, *sorted((name, repr(value)) for name, value in axes.items())) if axes else own


def flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a spec in its JSON form by their dotted names; numbers, texts, booleans, None and lists.

    A part has its class as `type`, as in `strategy.type`. A part within a part, such as a schedule, also has its own name, whose
    value is the part in words.
    """
    return dict(_leaves("", spec))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield path, value
        return
    if "." in path:
        yield path, in_words(value)
    for key, entry in value.items():
        if path or key not in ("type", "versions"):
            yield from _leaves(f"{path}.{key}" if path else key, entry)


def in_words(value: Any) -> str:
    """A spec's JSON form in one line, as `Cosine(end=0, warmup=100)`."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key}={in_words(entry)}" for key, entry in sorted(value.items()) if key != "type")
        return f"{value.get('type', '')}({inside})"
    return str(value)
