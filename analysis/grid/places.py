"""Places: where the trials of a table stand, and by which axes; what `mtlray.analysis.grid.arranging` decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

IN_ROWS = 0.0
"""The fraction of columns where the rows have it."""


class Place(NamedTuple):
    """Where a column stands within its measure: the data fraction, and the other axes of the columns in words, "" for none."""

    fraction: float
    across: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """The axes of a table besides strategy and fraction, by their dotted names: those in `rows` and those in `columns`.

    `of_row` maps each row's label to the values of all row axes, strategy and fraction included, and `of_column` each column's
    words likewise, in the order of the columns. `where` is the condition by which the trials were chosen.
    """

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    of_row: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of_column: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Namesakes:
    """Whose the strategies of several sweeps are; see `mtlray.analysis.grid.several`. Empty for one sweep.

    `folders` maps each sweep's short name to its folder, in the order in which they were named; `of` each strategy, such as
    `equal [before]`, to its own name and its sweep's.
    """

    folders: Mapping[str, str] = field(default_factory=dict)
    of: Mapping[str, tuple[str, str]] = field(default_factory=dict)
