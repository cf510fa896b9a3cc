"""Sheet: one data set's table as words in rows and columns, before it takes the form of text, Markdown or LaTeX."""

import math
from dataclasses import dataclass
from typing import Literal

from analysis import captions
from analysis.captions import NOTHING
from analysis.cells import Cell, Column, Grid
from analysis.load import Results
from analysis.published import Number, PublishedTable, numbers
from analysis.selection import SelectionRule


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
    """A strategy's numbers, or below them the published ones or the difference; `entries` has one item per column."""

    label: str
    kind: Literal["ours", "published", "difference"]
    entries: tuple[Entry | None, ...]


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


def sheet(results: Results, selected: SelectionRule, grid: Grid, against: PublishedTable | None) -> Sheet:
    """Lay out one data set's grid; `against` adds a published table's rows where it is about the same data set."""
    beside = numbers(against.name) if against and against.covers(grid.dataset) else {}
    counts = {cell.expected for cell in grid.cells.values()}
    rows = [
        row
        for strategy in grid.strategies
        for row in _rows(grid, strategy, captions.label(results, grid, strategy), len(counts) == 1, beside)
    ]
    groups: dict[tuple[str, str], list[str]] = {}
    for column in grid.columns:
        key = (column.measure.task, captions.measure(column))
        groups.setdefault(key, []).append(captions.fraction(column.fraction))
    head = [
        *captions.data(grid),
        captions.selection(selected),
        ("cells", _cells(grid, counts)),
        ("steps", captions.steps(grid.steps)),
        *captions.rates(results),
    ]
    if against is not None:
        head.append(("published", f"{against.name}: {against.source}"))
    return Sheet(
        title=captions.title(results),
        head=tuple(head),
        groups=tuple(Group(task=t, measure=m, fractions=tuple(f)) for (t, m), f in groups.items()),
        rows=tuple(rows),
        notes=(*captions.notes(results, grid), *_published_notes(selected, grid, against)),
    )


def decimals(cells: list[Cell], unit: str) -> int:
    """Digits after the point: 2 for percentages and from 10 up; below that, the largest mean shows four digits."""
    largest = max((abs(cell.mean) for cell in cells if cell.mean is not None), default=0.0)
    if unit == "%" or largest == 0 or largest >= 10:
        return 2
    return 3 - math.floor(math.log10(largest))


def _cells(grid: Grid, counts: set[int]) -> str:
    if len(counts) != 1:
        return "n in brackets, done/planned seeds; ± is the standard deviation (ddof 1)"
    (count,) = counts
    seeds = f"n = {count} seed{'s' if count != 1 else ''} a cell"
    if not all(cell.complete for cell in grid.cells.values()):
        seeds += ", fewer where it says so"
    return seeds if count == 1 else f"{seeds}; ± is the standard deviation (ddof 1)"


def _digits(grid: Grid, column: Column) -> int:
    cells = [cell for (_, other), cell in grid.cells.items() if other.measure == column.measure]
    return decimals(cells, column.measure.unit)


def _rows(
    grid: Grid, strategy: str, label: str, equal_counts: bool, beside: dict[tuple[str, float, str, str], Number]
) -> list[Row]:
    """A strategy's row, followed by the published one and the difference where there are any."""
    ours, paper, difference = list[Entry | None](), list[Entry | None](), list[Entry | None]()
    for column in grid.columns:
        measure, digits = column.measure, _digits(grid, column)
        cell = grid.cells.get((strategy, column))
        number = beside.get((strategy, column.fraction, measure.task, measure.metric))
        ours.append(None if cell is None else _entry(grid, strategy, column, cell, digits, equal_counts))
        paper.append(None if number is None else _published_entry(number, digits))
        difference.append(None if cell is None or number is None else _difference(cell, number, digits))
    rows = [Row(label=label, kind="ours", entries=tuple(ours))]
    if any(paper):
        rows.append(Row(label="paper", kind="published", entries=tuple(paper)))
    if any(difference):
        rows.append(Row(label="ours − paper", kind="difference", entries=tuple(difference)))
    return rows


def _entry(grid: Grid, strategy: str, column: Column, cell: Cell, digits: int, equal_counts: bool) -> Entry:
    return Entry(
        mean=NOTHING if cell.mean is None else f"{cell.mean:.{digits}f}",
        std="" if cell.std is None else f"{cell.std:.{digits}f}",
        note=_note(cell, equal_counts),
        best=strategy in grid.best(column),
        better=strategy in grid.better_than_single_task(column),
    )


def _note(cell: Cell, equal_counts: bool) -> tuple[str, ...]:
    if cell.complete and equal_counts:
        return ()
    reasons = ((cell.diverged, "diverged"), (cell.failed, "failed"), (cell.not_finite, "not finite"))
    return (f"{cell.n}/{cell.expected}", *(f"{count} {reason}" for count, reason in reasons if count))


def _published_entry(number: Number, digits: int) -> Entry:
    mean = f"{'~' if number.derived else ''}{number.mean:.{digits}f}"
    return Entry(mean=mean, std="" if number.spread is None else f"{number.spread:.{digits}f}")


def _difference(cell: Cell, number: Number, digits: int) -> Entry | None:
    if cell.mean is None or not cell.complete:
        return None
    difference = round(cell.mean - number.mean, digits) + 0.0  # no negative zero
    return Entry(mean=f"{'~' if number.derived else ''}{difference:+.{digits}f}".replace("-", "−"))


def _published_notes(selected: SelectionRule, grid: Grid, against: PublishedTable | None) -> list[str]:
    if against is None:
        return []
    if not against.covers(grid.dataset):
        return [f"{against.name} is about {against.dataset} and has no numbers for {grid.dataset}."]
    notes = list(against.notes)
    if grid.dataset != against.dataset:
        notes.append(
            f"The paper's data set is {against.dataset}. This one, {grid.dataset}, is a variant: see data origin."
        )
    if selected.name != "best_test":
        notes.append("The paper's numbers are the best on the test split; --select best_test compares like with like.")
    absent = [s for s in dict.fromkeys(key[0] for key in numbers(against.name)) if s not in grid.strategies]
    if absent:
        notes.append(f"{against.name} also has {', '.join(absent)}, not in this table.")
    return notes
