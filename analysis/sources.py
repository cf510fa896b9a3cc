"""Sources: the results folders that a command names. A file of its own, because the command line should not wait for pandas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """A results folder, and the trials that its table is about with the fields they share (None: those of its sweep.json)."""

    folder: str
    trials: Sequence[Mapping[str, Any]] | None = None
    common: Mapping[str, Any] | None = None


Sources = str | Source | Sequence[str | Source]


def sources(given: Sources) -> list[Source]:
    """Each of them as a Source, whichever way it was given."""
    several = [given] if isinstance(given, (str, Source)) else given
    return [Source(one) if isinstance(one, str) else one for one in several]
