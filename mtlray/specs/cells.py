"""The cells of a sweep: entries of its axes, those that a command picks, and what its rules make of a cell."""

import difflib
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from mtlray.checks import require
from mtlray.errors import SpecError
from mtlray.specs.trial import TrialSpec
from mtlray.words.values import shortest, shown

Rule = Callable[[TrialSpec], TrialSpec | None]

_LISTED = 60  # entries of an axis that a message names
MOST = 100_000
"""Entries of an axis, and trials of a sweep."""


def pick(kind: str, wanted: Iterable[Any], valid: dict[Any, Any]) -> tuple[Any, ...]:
    """The valid entries that are wanted, in their own order. Raises SpecError at the first that is not valid, so that a range
    of any length does not matter."""
    asked = set[Any]()
    for entry in wanted:
        if entry not in valid:
            close = difflib.get_close_matches(str(entry), list(valid), n=1) if kind == "strategy" else []
            hint = f" Did you mean `{close[0]}`?" if close else ""
            names = [shortest(name) for name in itertools.islice(valid, _LISTED)]
            more = f" and {len(valid) - _LISTED:,} others" if len(valid) > _LISTED else ""
            found = shown(shortest(entry))
            raise SpecError(
                f"The sweep has no {kind} {found}.{hint} It has: {', '.join(names)}{more}. Add others in the sweep file."
            )
        asked.add(entry)
    return tuple(value for name, value in valid.items() if name in asked)


def entries(axis: str, value: Any, alone: Any, looks: str) -> tuple[Any, ...]:
    """An axis as a tuple; one entry alone is an axis of one. Raises SpecError for what is no axis, and for too many entries."""
    if isinstance(value, alone):
        return (value,)
    require(isinstance(value, Iterable), axis, f"be a tuple, such as {looks}", value)
    entries = tuple(itertools.islice(value, MOST + 1))  # not all of a range that nobody can hold
    if len(entries) > MOST:
        raise SpecError(f"Parameter `{axis}` should have at most {MOST:,} entries. Found more. Split the sweep.")
    return entries


def apply_rule(rule: Rule, trial: TrialSpec) -> TrialSpec | None:
    """What a rule makes of a cell. Raises SpecError where it fails or returns something else than a trial or None."""
    name = getattr(rule, "__qualname__", repr(rule)).replace(".<locals>", "")
    try:
        changed = rule(trial)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise SpecError(
            f"The rule `{name}` failed for {trial.strategy.label}, fraction {shortest(trial.fraction)}, seed {trial.seed}. "
            f"{type(error).__name__}: {error}"
        ) from error
    if changed is not None and not isinstance(changed, TrialSpec):
        raise SpecError(f"The rule `{name}` should return a trial, or None. Found `{changed}`.")
    return changed
