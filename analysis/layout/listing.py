"""Listing: a table of one line a row, in sections, as words. The sheet of cells apart, every kind of table is one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtlray.analysis.grid.cells import Column
from mtlray.analysis.grid.places import Place
from mtlray.analysis.layout import captions
from mtlray.analysis.layout.captions import NOTHING

Row = Mapping[str, Any]  # one line's numbers, by name

INTERVAL = "95 % interval"  # the head of a column that belongs to the one before it


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Rows below a heading, "" for none. A row's first entry is its label; the others stand below the columns."""

    heading: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A table with its head and its foot. `head` is pairs of keyword and text; `columns` begins with the labels' one."""

    title: str
    head: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number in words; a dash for none, and a true minus sign."""
    if value is None or not math.isfinite(value):
        return NOTHING
    rounded = round(value, digits) + 0.0  # no negative zero
    return f"{rounded:{'+' if signed else ''},.{digits}f}".replace("-", "−")


def interval(low: float, high: float, digits: int) -> str:
    """The two ends of an interval in brackets; a dash for none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    return f"[{number(low, digits, signed=True)}, {number(high, digits, signed=True)}]"


def probability(value: float) -> str:
    """A p-value with two significant digits, down to one in a thousand."""
    if not math.isfinite(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def count(found: int, expected: int) -> str:
    """The seeds behind a row, with the planned number where some are missing."""
    return str(found) if found == expected else f"{found}/{expected}"


def by_column(rows: Sequence[Row]) -> dict[tuple[Place, str, str], list[Row]]:
    """Rows by place, task and metric."""
    found: dict[tuple[Place, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((Place(row["fraction"], row["across"]), row["task"], row["metric"]), []).append(row)
    return found


def heading(column: Column) -> str:
    """What a section is about, as in `left, accuracy [%] ↑, 25 % of the data`."""
    return f"{column.measure.task}, {captions.measure(column)}, {captions.place(column.place, of_the_data=True)}"
