"""Axes: any field of a trial that a sweep varies, by its dotted name, and the fields of a trial as tables know them."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtlray.checks import require
from mtlray.errors import MtlrayError, SpecError, unknown_name
from mtlray.identity.codec import class_name, encode
from mtlray.models import ModelSpec
from mtlray.results.configuration import PARTS, flat
from mtlray.specs.checks import require_object
from mtlray.specs.optimizer import OptimizerSpec
from mtlray.specs.trial import TrialSpec
from mtlray.words.values import shown

# Axes with a parameter of their own.
_NAMED = {"dataset": "datasets", "strategy": "strategies", "fraction": "fractions", "seed": "seeds"}
_FIXED = ("results_version",)
_NOT_FIELDS = ("seed", "fraction", *_FIXED)  # of a trial's description, which has them already


@dataclass(frozen=True, slots=True)
class Axes:
    """A sweep's further axes: each name with its values, in the order in which they are written.

    A name is a field of TrialSpec, as `batch_size`, or a dotted one of its parts, as `strategy.temperature`.
    """

    values: Mapping[str, tuple[Any, ...]]

    def cells(self, parts: Mapping[str, Any], left_out: Counter[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """What each cell changes of a trial with these parts, the last axis fastest.

        Whole parts, such as the model, are set before fields of parts. Where the part lacks the field of an axis, that axis
        has one value, so that no trial comes twice; cells of its other values are counted in `left_out`, by axis and part.
        Raises SpecError, which names the axis, for a value that the field does not take.
        """
        names = sorted(self.values, key=lambda name: name.count("."))
        for places in itertools.product(*(range(len(values)) for values in self.values.values())):
            place_of = dict(zip(self.values, places, strict=True))
            changed = dict(parts)
            for name in names:
                value, (top, _, path) = self.values[name][place_of[name]], name.partition(".")
                if not path:
                    changed[top] = value
                elif has(changed[top], path):
                    changed[top] = _with(changed[top], path, value, name)
                elif place_of[name]:
                    left_out[name, label(changed[top])] += 1
                    break
            else:
                yield changed

    def of(self, trial: TrialSpec) -> dict[str, Any]:
        """The value of each axis in a trial, as results keep it: numbers and texts as they are, others in words.

        An axis whose field the trial's part lacks is absent.
        """
        found = {}
        for name, values in self.values.items():
            top, _, path = name.partition(".")
            if not path or has(getattr(trial, top), path):
                value: Any = trial
                for step in name.split("."):
                    value = getattr(value, step)
                found[name] = _in_words(value, values)
        return found


NO_AXES = Axes({})


def axes_of(given: Any, base: TrialSpec, parts: Mapping[str, Sequence[Any]], several_optimizers: bool) -> Axes:
    """The axes of a sweep, checked; `parts` are the entries of its named axes by the fields of a trial.

    Raises SpecError for what is no mapping of names to values, and for a name that no trial has, with the nearest one.
    """
    looks = '{"batch_size": (16, 128), "strategy.temperature": (1, 2)}'
    require(isinstance(given, Mapping), "axes", f"map names of fields to their values, as {looks}", repr(given))
    values = {name: _entries(name, entries) for name, entries in given.items()}
    if several_optimizers and "optimizer" in values:
        raise SpecError(
            "A sweep should have `optimizers`, of which each row shows the best on the validation split, or the axis "
            "`optimizer`, which shows each. Found both. Leave one out."
        )
    of_parts = {**{name: (getattr(base, name),) for name in PARTS}, **{k: v for k, v in parts.items() if v}}
    of_parts |= {name: values[name] for name in PARTS if name in values}
    known = [f.name for f in dataclasses.fields(TrialSpec) if f.name not in (*_NAMED, *_FIXED)]
    known += [f"{part}.{path}" for part, entries in of_parts.items() for one in entries for path in _paths(one)]
    for name in values:
        if name in _NAMED:
            raise SpecError(
                f"Parameter `axes` should hold further axes. Found `{name}`. Use `{_NAMED[name]}=...` for it."
            )
        if name not in known and not _is_in(name, {**of_parts, **values}):
            ending = [found for found in known if found.endswith(f".{name}")]
            if ending:
                raise SpecError(f"There is no axis `{shown(name)}`. Did you mean `{ending[0]}`?")
            raise unknown_name("axis", str(name), set(known))
    for part, kind, example in (("model", ModelSpec, "LeNet()"), ("optimizer", OptimizerSpec, "SGD(lr=0.1)")):
        for entry in values.get(part, ()):
            require_object(f"axes[{part!r}]", entry, kind, example)
    return Axes(values)


def _is_in(name: str, parts: Mapping[str, Sequence[Any]]) -> bool:
    """Whether one of the parts, or of the values of an axis, has the field that a dotted name says of it."""
    steps = name.split(".")
    return any(
        has(one, ".".join(steps[i:])) for i in range(1, len(steps)) for one in parts.get(".".join(steps[:i]), ())
    )


def _entries(name: Any, entries: Any) -> tuple[Any, ...]:
    """The values of an axis; one alone is an axis of one. Raises SpecError where there is none."""
    require(isinstance(name, str), "axes", "map names to values", repr(name))
    several = isinstance(entries, (tuple, list, range))
    found = tuple(entries) if several else (entries,)
    require(bool(found), f"axes[{name!r}]", "have at least one entry", entries)
    return found


def has(part: Any, path: str) -> bool:
    """Whether a part of a trial has a field, `temperature` or `schedule.warmup`, that decides its numbers."""
    for step in path.split("."):
        if not dataclasses.is_dataclass(part) or step not in {f.name for f in _fields(part)}:
            return False
        part = getattr(part, step)
    return True


def _held(part: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a part that decide its numbers, those that it works out itself too."""
    for field in dataclasses.fields(part):
        if field.metadata.get("identity", True):
            yield field.name, getattr(part, field.name)


def _paths(part: Any) -> Iterator[str]:
    for field in _fields(part) if dataclasses.is_dataclass(part) else ():
        yield field.name
        yield from (f"{field.name}.{path}" for path in _paths(getattr(part, field.name)))


def _fields(part: Any) -> list[dataclasses.Field[Any]]:
    return [f for f in dataclasses.fields(part) if f.init and f.metadata.get("identity", True)]


def _with(part: Any, path: str, value: Any, axis: str) -> Any:
    """The part with another value in a field."""
    step, _, rest = path.partition(".")
    try:
        return dataclasses.replace(part, **{step: _with(getattr(part, step), rest, value, axis) if rest else value})
    except (MtlrayError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, SpecError) and str(error).startswith("The axis"):
            raise
        raise SpecError(
            f"The axis `{axis}` should have values that {label(part)} takes. Found `{shown(value)}`. {error}"
        ) from error


def label(part: Any) -> str:
    """A part's name in results."""
    return str(getattr(part, "label", part))


def _in_words(value: Any, others: Sequence[Any]) -> Any:
    """A value as results keep it; parts with one label are told apart by the fields in which they differ."""
    if value is None:
        return "none"  # None says that a part lacks the field
    if isinstance(value, (bool, int, float, str)):
        return encode(value)
    name = label(value)
    namesakes = [other for other in others if label(other) == name and type(other) is type(value)]
    if not dataclasses.is_dataclass(value) or len(namesakes) < 2:
        return name
    differ = [f.name for f in _fields(value) if len({repr(getattr(other, f.name)) for other in namesakes}) > 1]
    return f"{name}({','.join(f'{field}={getattr(value, field)}' for field in differ)})"


def fields_of(trials: Sequence[TrialSpec]) -> list[dict[str, Any]]:
    """For each trial all that its spec says, by dotted names, but for its seed and fraction; its parts also by their labels.

    A part that many trials share is looked into once.
    """
    of_parts: dict[tuple[str, int], dict[str, Any]] = {}  # by the object, which its trial keeps alive

    def part(name: str, value: Any) -> dict[str, Any]:
        key = (name, id(value))
        if key not in of_parts:
            of_parts[key] = {**flat({name: _whole(value)}), name: label(value)}
        return of_parts[key]

    own = [f.name for f in dataclasses.fields(TrialSpec) if f.name not in (*PARTS, *_NOT_FIELDS)]
    found = []
    for trial in trials:
        fields = flat({name: _whole(getattr(trial, name)) for name in own})
        for name in PARTS:
            fields |= part(name, getattr(trial, name))
        found.append(fields)
    return found


def _whole(spec: Any) -> Any:
    """The JSON form of a spec, with the fields too that are left out of a trial's identity at a neutral value."""
    if not dataclasses.is_dataclass(spec) or isinstance(spec, type):
        return encode(spec)
    return {"type": class_name(type(spec)), **{name: _whole(value) for name, value in _held(spec)}}
