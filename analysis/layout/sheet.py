"""Sheet: one data set's table as words in rows and columns, before it takes the form of text, Markdown or LaTeX."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from mtlray.analysis.grid.cells import SINGLE_TASK, Cell, Column, Grid, Measure
from mtlray.analysis.grid.digits import digits_of_measures
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.published import Number, PublishedTable, numbers
from mtlray.analysis.grid.scores import Scores, scores
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.analysis.kinds.beside import APART, EQUIVALENT, UNDECIDED, Beside, besides
from mtlray.analysis.kinds.marks import Marks, marks
from mtlray.analysis.layout import captions
from mtlray.analysis.layout.captions import NOTHING
from mtlray.analysis.layout.seeds import lost_seeds, other_seeds


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


def sheet(results: Results, selected: SelectionRule, grid: Grid, against: PublishedTable | None) -> Sheet:
    """Lay out one data set's grid; `against` adds a published table's rows where it is about the same data set."""
    beside = numbers(against.name) if against and against.covers(grid.dataset) else {}
    counts = {cell.expected for cell in grid.cells.values()}
    digits = digits_of_measures(grid)
    of_seeds = scores(results, selected, grid)
    found = marks(grid, of_seeds)
    marked = {
        c: _Marks(digits[c.measure], found.best.get(c, frozenset()), found.better.get(c, frozenset()))
        for c in grid.columns
    }
    verdicts = besides(grid, beside, against.assumed_runs) if against is not None and beside else {}
    rows = [
        row
        for label, strategies in _lines(results, grid)
        for row in _rows(grid, label, strategies, marked, len(counts) == 1, beside, verdicts)
    ]
    if grid.trivial:
        rows.append(_trivial(grid, digits))
    groups: dict[tuple[str, str], list[str]] = {}
    several = len({column.fraction for column in grid.columns}) > 1
    for column in grid.columns:
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
        groups=tuple(Group(task=t, measure=m, fractions=tuple(f)) for (t, m), f in groups.items()),
        rows=tuple(rows),
        notes=(
            *captions.notes(results, grid),
            *lost_seeds(grid),
            *other_seeds(of_seeds),
            *_baselines(results, of_seeds),
            *_published_notes(selected, grid, against, verdicts),
        ),
    )


def _baselines(results: Results, scores: Scores) -> list[str]:
    """Whose single-task trials a row is compared with, where the rows are of several configurations."""
    if not (results.placed.rows and scores.dropped):
        return []
    names = ", ".join(dict.fromkeys(scores.baselines.values()))
    return [f"Better than single-task: than the best of all its rows, column by column, which is {names}."]


def _cells(grid: Grid, counts: set[int]) -> str:
    if len(counts) != 1:
        return "n in brackets, done/planned seeds; ± is the standard deviation (ddof 1)"
    (count,) = counts
    seeds = f"n = {count} seed{'s' if count != 1 else ''} a cell"
    if not all(cell.complete for cell in grid.cells.values()):
        seeds += ", fewer where it says so"
    return seeds if count == 1 else f"{seeds}; ± is the standard deviation (ddof 1)"


def _lines(results: Results, grid: Grid) -> list[tuple[str, tuple[str, ...]]]:
    """Labels of the table's lines and the strategies in each: one line for all single-task strategies, as papers print it.

    They keep lines of their own where two of them train the same task, or have learning rates of their own.
    """
    single = [s for s in grid.strategies if s in grid.single_task]
    labels = {s: captions.label(results, grid, s) for s in grid.strategies}
    shared = [column for column in grid.columns if sum((s, column) in grid.cells for s in single) > 1]
    rates = {results.rates.labels.get((grid.dataset, s), "") for s in single}
    if len(single) < 2 or shared or len(rates) > 1:
        return [(labels[s], (s,)) for s in grid.strategies]
    joined = (" ".join((SINGLE_TASK, *rates)).strip(), tuple(single))
    return [joined if s == single[0] else (labels[s], (s,)) for s in grid.strategies if s not in single[1:]]


def _rows(
    grid: Grid,
    label: str,
    strategies: tuple[str, ...],
    marked: "dict[Column, _Marks]",
    equal_counts: bool,
    beside: dict[tuple[str, float, str, str], Number],
    verdicts: dict[tuple[str, Column], Beside],
) -> list[Row]:
    """A line of the table, followed by the published one and the difference where there are any."""
    ours, paper, difference = list[Entry | None](), list[Entry | None](), list[Entry | None]()
    for column in grid.columns:
        measure, digits = column.measure, marked[column].digits
        strategy = next((s for s in strategies if (s, column) in grid.cells), strategies[0])
        cell = grid.cells.get((strategy, column))
        number = beside.get((strategy, column.fraction, measure.task, measure.metric))
        ours.append(None if cell is None else _entry(strategy, marked[column], cell, equal_counts))
        paper.append(None if number is None else _published_entry(number, digits))
        difference.append(
            None
            if cell is None or number is None
            else _difference(cell, number, digits, verdicts.get((strategy, column)))
        )
    rows = [Row(label=label, kind="ours", entries=tuple(ours))]
    if any(paper):
        rows.append(Row(label="paper", kind="published", entries=tuple(paper)))
    if any(difference):
        rows.append(Row(label="ours − paper", kind="difference", entries=tuple(difference)))
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


def _published_entry(number: Number, digits: int) -> Entry:
    mean = f"{'~' if number.derived else ''}{number.mean:.{digits}f}"
    return Entry(mean=mean, std="" if number.spread is None else f"{number.spread:.{digits}f}")


def _difference(cell: Cell, number: Number, digits: int, verdict: Beside | None) -> Entry | None:
    if cell.mean is None or not cell.complete:
        return None
    difference = round(cell.mean - number.mean, digits) + 0.0  # no negative zero
    words = f"{'~' if number.derived else ''}{difference:+.{digits}f}".replace("-", "−")
    if verdict is None:
        return Entry(mean=words)
    within = f"within {verdict.margin:.{digits}f}"
    return Entry(mean=words, note=(within if verdict.word == EQUIVALENT else verdict.word,))


def _published_notes(
    selected: SelectionRule, grid: Grid, against: PublishedTable | None, verdicts: dict[tuple[str, Column], Beside]
) -> list[str]:
    if against is None:
        return []
    if not against.covers(grid.dataset):
        return [f"{against.name} is about {against.dataset} and has no numbers for {grid.dataset}."]
    notes = list(against.notes)
    if grid.dataset != against.dataset:
        notes.append(
            f"The paper's data set is {against.dataset}. This one, {grid.dataset}, is a variant: see data origin."
        )
    if not selected.name.startswith("best_test"):
        notes.append("The paper's numbers are the best on the test split; --select best_test compares like with like.")
    if verdicts:
        runs = f"{against.runs} runs" if against.runs else "10 runs, the paper not saying how many"
        words = Counter(verdict.word for verdict in verdicts.values())
        notes.append(
            f"Beside the paper, whose ± is read as a standard deviation over {runs}: {words[APART]} of {len(verdicts)} cells are "
            f"apart (Cochran and Cox), {words[EQUIVALENT]} equivalent within that deviation (two one-sided tests) and "
            f"{words[UNDECIDED]} undecided, at 5 % after Holm's correction. Undecided does not mean equal."
        )
    absent = [s for s in dict.fromkeys(key[0] for key in numbers(against.name)) if s not in grid.strategies]
    if absent:
        notes.append(f"{against.name} also has {', '.join(absent)}, not in this table.")
    return notes
