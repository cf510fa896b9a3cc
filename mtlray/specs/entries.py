"""Entries: an axis of a sweep as a tuple, and those of its entries that are wanted."""

import difflib
import itertools
from collections.abc import Iterable
from typing import Any

from mtlray.checks import require
from mtlray.errors import SpecError
from mtlray.words.values import shortest, shown

MOST = 100_000  # entries of an axis, and trials of a sweep
_LISTED = 60  # entries of an axis that a message names


def entries(axis: str, value: Any, alone: Any, looks: str) -> tuple[Any, ...]:
    """An axis as a tuple; one entry alone is an axis of one."""
    if isinstance(value, alone):
        return (value,)
    require(isinstance(value, Iterable), axis, f"be a tuple, such as {looks}", value)
    found = tuple(itertools.islice(value, MOST + 1))  # not all of a range that nobody can hold
    if len(found) > MOST:
        raise SpecError(f"Parameter `{axis}` should have at most {MOST:,} entries. Found more. Split the sweep.")
    return found


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
            what = shown(shortest(entry))
            raise SpecError(
                f"The sweep has no {kind} {what}.{hint} It has: {', '.join(names)}{more}. Add others in the sweep file."
            )
        asked.add(entry)
    return tuple(value for name, value in valid.items() if name in asked)
