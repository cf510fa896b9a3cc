"""Entries: one data set's table as words in rows and columns, before it takes the form of text, Markdown, HTML or LaTeX."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One cell: `mean`, `std` ("" for none), `note` ("2/3" and why seeds are missing), and whether it is marked."""

    mean: str
    std: str = ""
    note: tuple[str, ...] = ()
    best: bool = False
    better: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A strategy's numbers, or below them the published ones or the difference; `entries` has one item per column.

    The row of kind `trivial` has those of the best constant prediction.
    """

    label: str
    kind: Literal["ours", "trivial", "published", "difference"]
    entries: tuple[Entry | None, ...]

    @property
    def below(self) -> bool:
        """Whether it belongs to the row above it."""
        return self.kind in ("published", "difference")


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Neighbouring columns of one measure, which differ in the data fraction."""

    task: str
    measure: str
    fractions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A table with its head and its foot. `head` is pairs of keyword and text."""

    title: str
    head: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def marks(self) -> tuple[bool, bool]:
        """Whether any entry is marked as best, and any as better than single-task."""
        entries = [entry for row in self.rows for entry in row.entries if entry is not None]
        return any(entry.best for entry in entries), any(entry.better for entry in entries)
