"""Entries: one data set's table as words in rows and columns, before it takes the form of text, Markdown, HTML or LaTeX."""

from collections.abc import Callable
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


def marked_up(entry: Entry | None, bold: str, escape: Callable[[str], str]) -> str:
    """A cell in a language with tags: `bold` is a format for the best of a column, and what is better is underlined."""
    if entry is None:
        return ""
    text = escape(entry.mean)
    if entry.better:
        text = f"<u>{text}</u>"
    if entry.best:
        text = bold.format(text)
    if entry.std:
        text += f" ± {escape(entry.std)}"
    return f"{text} ({escape(', '.join(entry.note))})" if entry.note else text


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

    def legend(self, best: str, better: str, *, between: str = "; ") -> list[str]:
        """One line that says what the marks mean that some entry has, by these words for the two; none without a mark."""
        parts = [text for present, text in zip(self.marks, (best, better), strict=True) if present]
        return [f"{between.join(parts)}."] if parts else []

    @property
    def marks(self) -> tuple[bool, bool]:
        """Whether any entry is marked as best, and any as better than single-task."""
        entries = [entry for row in self.rows for entry in row.entries if entry is not None]
        return any(entry.best for entry in entries), any(entry.better for entry in entries)
