"""Lines: which strategies share a line of a table, and below it the difference from the same strategy of another sweep."""

from dataclasses import dataclass

from mtlray.analysis.grid.cells import Column, Grid, Measure
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.places import Place
from mtlray.analysis.grid.scores import Scores, row_name
from mtlray.analysis.kinds.beside import UNDECIDED
from mtlray.analysis.kinds.comparison import comparison, usual, verdict
from mtlray.analysis.layout import captions
from mtlray.analysis.layout.entries import Entry, Row
from mtlray.analysis.layout.listing import number


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of the table: its label, the strategies in it, and the name that their row has in scores."""

    label: str
    strategies: tuple[str, ...]
    row: str


def lines(results: Results, grid: Grid) -> list[Line]:
    """One line for all single-task strategies of a sweep, as papers print it, and one for each other strategy.

    Single-task strategies keep lines of their own where two of them train the same task, or have learning rates of their own.
    """
    singles: dict[str, list[str]] = {}
    for strategy in grid.strategies:
        if strategy in grid.single_task:
            singles.setdefault(row_name(results, strategy), []).append(strategy)
    joined: dict[str, Line] = {}
    for row, own in singles.items():
        shared = any(sum((s, column) in grid.cells for s in own) > 1 for column in grid.columns)
        rates = {results.rates.labels.get((grid.dataset, s), "") for s in own}
        if len(own) > 1 and not shared and len(rates) == 1:
            label = " ".join((row, *rates)).strip()
            joined |= dict.fromkeys(own, Line(label=label, strategies=tuple(own), row=row))
    every = [
        joined.get(s) or Line(label=captions.label(results, grid, s), strategies=(s,), row=s) for s in grid.strategies
    ]
    return list(dict.fromkeys(every))


def changes(grid: Grid, scores: Scores, digits: dict[Measure, int]) -> dict[tuple[str, Column], tuple[str, Entry]]:
    """Of several sweeps, by row and column: the earlier namesake, and the difference from it on common seeds."""
    baseline = usual(scores) if scores.earlier else None
    if baseline is None:
        return {}
    at = {(c.measure.task, c.measure.metric, c.place): c for c in scores.columns}
    found = {}
    for row in comparison(grid, scores, baseline)[0]:
        column = at[row["task"], row["metric"], Place(row["fraction"], row["across"])]
        if row["n"]:
            words = number(row["difference"], digits[column.measure], signed=True)
            seeds = () if row["n"] == row["expected"] else (f"{row['n']} pairs",)
            entry = Entry(mean=words, note=(verdict(row) or UNDECIDED, *seeds))
            found[row["strategy"], column] = (row["baseline"], entry)
    return found


def changed_row(grid: Grid, line: Line, changes: dict[tuple[str, Column], tuple[str, Entry]]) -> tuple[Row, ...]:
    """The difference of a row from its earlier namesake, where it has one."""
    own = [changes.get((line.row, column)) for column in grid.columns]
    names = [found[0] for found in own if found is not None]
    if not names:
        return ()
    entries = tuple(None if found is None else found[1] for found in own)
    return (Row(label=f"− {names[0]}", kind="difference", entries=entries),)
