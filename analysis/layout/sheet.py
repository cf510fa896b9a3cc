"""Sheet: one data set's table of cells, laid out as words in rows and columns."""

from dataclasses import dataclass

from mtlray.analysis.grid.cells import Cell, Column, Grid, Measure
from mtlray.analysis.grid.digits import digits_of_measures
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.published_tables.base import Number, PublishedTable
from mtlray.analysis.grid.scores import Scores, scores
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.analysis.kinds.beside import Beside, besides, numbers_in
from mtlray.analysis.kinds.marks import Marks, marks
from mtlray.analysis.layout import captions
from mtlray.analysis.layout.captions import NOTHING
from mtlray.analysis.layout.entries import Entry, Group, Row, Sheet
from mtlray.analysis.layout.lines import Line, changed_row, changes, lines
from mtlray.analysis.layout.overview import Overview, columns_shown, overview
from mtlray.analysis.layout.paper_rows import difference_entry, published_entry, published_notes
from mtlray.analysis.layout.seeds import lost_seeds, other_seeds


def sheet(
    results: Results, selected: SelectionRule, grid: Grid, against: PublishedTable | None, *, whole: bool = False
) -> Sheet:
    """Lay out one data set's grid; `against` adds a published table's rows where it is about the same data set.

    Of many tasks it shows their mean and each one's main metric, `whole` every metric; see `overview`.
    """
    counts = {cell.expected for cell in grid.cells.values()}
    of_seeds = scores(results, selected, grid)
    found = marks(grid, of_seeds)
    beside = numbers_in(grid, against, results)
    verdicts = besides(grid, beside, against.assumed_runs) if against is not None and beside else {}
    view = overview(results, grid, of_seeds, whole=whole)
    shown = columns_shown(grid, view)
    groups: dict[tuple[str, str], list[str]] = {}
    several = len({column.fraction for column in grid.columns}) > 1
    for column in shown:
        key = (column.measure.task, captions.measure(column))
        groups.setdefault(key, []).append(captions.place(column.place, several=several))
    head = [
        *captions.data(results, grid),
        captions.selection(selected, grid),
        ("cells", _cells(grid, counts)),
        ("steps", captions.steps(grid.steps)),
        *captions.circumstances(grid),
        *captions.tests(found.family),
        *_best(found),
        *captions.rates(results),
        *captions.adopted(results, grid),
    ]
    if against is not None:
        head.append(("published", f"{against.name}: {against.source}"))
    return Sheet(
        title=captions.title(results),
        head=tuple(head),
        groups=(
            *([] if view is None else [view.group]),
            *(Group(task=t, measure=m, fractions=tuple(f)) for (t, m), f in groups.items()),
        ),
        rows=_all_rows(results, grid, of_seeds, found, (against, beside, verdicts), view),
        notes=(
            *(() if view is None else view.notes),
            *captions.notes(results, grid),
            *lost_seeds(grid),
            *other_seeds(of_seeds),
            *_baselines(results, of_seeds),
            *published_notes(selected, grid, against, verdicts, results),
        ),
    )


def _baselines(results: Results, scores: Scores) -> list[str]:
    """Whose single-task trials a row is compared with, where the rows are of several configurations."""
    if not (results.placed.rows and scores.dropped):
        return []
    names = ", ".join(dict.fromkeys(scores.baselines.values()))
    return [f"Better than single-task: than the best of all its rows, column by column, which is {names}."]


_Published = tuple[PublishedTable | None, dict[tuple[str, Column], Number], dict[tuple[str, Column], Beside]]


def _all_rows(
    results: Results, grid: Grid, of_seeds: Scores, found: Marks, published: _Published, view: Overview | None
) -> tuple[Row, ...]:
    """Each strategy's rows, and that of the best constant; with the overview in front where there is one."""
    digits = digits_of_measures(grid)
    marked = {
        # Of several sweeps, what is better stands in the rows of differences.
        c: _Marks(
            digits[c.measure],
            found.best.get(c, frozenset()),
            frozenset() if results.parts else found.better.get(c, frozenset()),
        )
        for c in grid.columns
    }
    equal_counts = len({cell.expected for cell in grid.cells.values()}) == 1
    changed = changes(grid, of_seeds, digits)
    rows = [
        (line.row, row)
        for line in lines(results, grid)
        for row in (*_rows(grid, line, marked, equal_counts, published), *changed_row(grid, line, changed))
    ]
    if grid.trivial:
        rows.append(("", _trivial(grid, digits)))
    return tuple(row if view is None else view.of(row, name) for name, row in rows)


def _cells(grid: Grid, counts: set[int]) -> str:
    if len(counts) != 1:
        return "n in brackets, done/planned seeds; ± is the standard deviation (ddof 1)"
    (count,) = counts
    seeds = f"n = {count} seed{'s' if count != 1 else ''} a cell"
    if not all(cell.complete for cell in grid.cells.values()):
        seeds += ", fewer where it says so"
    return seeds if count == 1 else f"{seeds}; ± is the standard deviation (ddof 1)"


def _rows(
    grid: Grid, line: Line, marked: "dict[Column, _Marks]", equal_counts: bool, published: _Published
) -> list[Row]:
    """A line of the table, followed by the published one and the difference where there are any."""
    against, beside, verdicts = published
    ours, paper, difference = list[Entry | None](), list[Entry | None](), list[Entry | None]()
    for column in grid.columns:
        digits = marked[column].digits
        strategy = next((s for s in line.strategies if (s, column) in grid.cells), line.strategies[0])
        cell, number = grid.cells.get((strategy, column)), beside.get((strategy, column))
        ours.append(None if cell is None else _entry(strategy, marked[column], cell, equal_counts))
        paper.append(None if number is None else published_entry(number, digits))
        difference.append(
            None
            if cell is None or number is None
            else difference_entry(cell, number, digits, verdicts.get((strategy, column)))
        )
    rows = [Row(label=line.label, kind="ours", entries=tuple(ours))]
    label = "" if against is None else against.label
    if any(paper):
        rows.append(Row(label=label, kind="published", entries=tuple(paper)))
    if any(difference):
        rows.append(Row(label=f"ours − {label}", kind="difference", entries=tuple(difference)))
    return rows


@dataclass(frozen=True, slots=True)
class _Marks:
    """What is the same for a whole column: digits after the point, and the strategies that are marked."""

    digits: int
    best: frozenset[str]
    better: frozenset[str]


def _trivial(grid: Grid, digits: dict[Measure, int]) -> Row:
    """What the best prediction that is the same for every example achieves."""
    values = [(grid.trivial.get(column.measure), digits[column.measure]) for column in grid.columns]
    entries = tuple(None if value is None else Entry(mean=f"{value:.{count}f}") for value, count in values)
    return Row(label="best constant", kind="trivial", entries=entries)


def _best(found: Marks) -> list[tuple[str, str]]:
    if not found.rivals:
        return []
    return [
        (
            "best",
            f"sets that hold the true best of every column with 95 %, each strategy against {found.rivals:,} others by paired "
            "t-tests; no mark where nobody is beaten",
        )
    ]


def _entry(strategy: str, marks: _Marks, cell: Cell, equal_counts: bool) -> Entry:
    return Entry(
        mean=NOTHING if cell.mean is None else f"{cell.mean:.{marks.digits}f}",
        std="" if cell.std is None else f"{cell.std:.{marks.digits}f}",
        note=_note(cell, equal_counts),
        best=strategy in marks.best,
        better=strategy in marks.better,
    )


def _note(cell: Cell, equal_counts: bool) -> tuple[str, ...]:
    if cell.complete and equal_counts:
        return ()
    reasons = ((cell.diverged, "diverged"), (cell.failed, "failed"), (cell.not_finite, "not finite"))
    return (f"{cell.n}/{cell.expected}", *(f"{count} {reason}" for count, reason in reasons if count))
