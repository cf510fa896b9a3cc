"""Paper rows: the published number below a strategy's own, the difference between them, and what to know of both."""

from collections import Counter

from mtlray.analysis.grid.cells import SINGLE_TASK, Cell, Column, Grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.published_tables.base import Number, PublishedTable
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.analysis.kinds.beside import APART, EQUIVALENT, UNDECIDED, Beside, improvements, names_of
from mtlray.analysis.layout.entries import Entry
from mtlray.analysis.layout.listing import number as in_words

_NAMED = 9  # columns that a note names
_CHOSEN = {
    "best_test": "the best on the test split",
    "mean_last_10": "means of the last ten epochs on the test split",
    "best_val": "those of the epoch that is best on the validation split",
}


def published_entry(number: Number, digits: int) -> Entry:
    """A published number; ~ before one that was worked out from prose."""
    mean = f"{'~' if number.derived else ''}{number.mean:.{digits}f}"
    return Entry(mean=mean, std="" if number.spread is None else f"{number.spread:.{digits}f}")


def difference_entry(cell: Cell, number: Number, digits: int, verdict: Beside | None) -> Entry | None:
    """Ours less the published number, and what the runs say of it; none where seeds are missing."""
    if cell.mean is None or not cell.complete:
        return None
    difference = round(cell.mean - number.mean, digits) + 0.0  # no negative zero
    words = f"{'~' if number.derived else ''}{difference:+.{digits}f}".replace("-", "−")
    if verdict is None:
        return Entry(mean=words)
    within = f"within {verdict.margin:.{digits}f}"
    return Entry(mean=words, note=(within if verdict.word == EQUIVALENT else verdict.word,))


def published_notes(
    selected: SelectionRule,
    grid: Grid,
    against: PublishedTable | None,
    verdicts: dict[tuple[str, Column], Beside],
    results: Results,
) -> list[str]:
    """What to know of the published numbers: how they were made, what the verdicts are, and what is not shown."""
    if against is None:
        return []
    if not against.covers(grid.dataset):
        return [f"{against.name} is about {against.dataset} and has no numbers for {grid.dataset}."]
    own = against.selection is None  # a file of the user's
    notes = list(against.notes)
    if against.dataset and grid.dataset != against.dataset:
        notes.append(
            f"The paper's data set is {against.dataset}. This one, {grid.dataset}, is a variant: see data origin."
        )
    if against.selection is not None and not selected.name.startswith(against.selection):
        notes.append(
            f"The paper's numbers are {_CHOSEN[against.selection]}; --select {against.selection} compares like with like."
        )
    if verdicts:
        unsaid = (
            f"{against.assumed_runs} runs where it does not say how many"
            if own
            else "10 runs, the paper not saying how many"
        )
        runs = f"{against.runs} runs" if against.runs else unsaid
        words = Counter(verdict.word for verdict in verdicts.values())
        notes.append(
            f"Beside {against.name if own else 'the paper'}, whose ± is read as a standard deviation over {runs}: {words[APART]} "
            f"of {len(verdicts)} cells are apart (Cochran and Cox), {words[EQUIVALENT]} equivalent within that deviation (two "
            f"one-sided tests) and {words[UNDECIDED]} undecided, at 5 % after Holm's correction. Undecided does not mean equal."
        )
    return [*notes, *_left_out(grid, against, results), *_improvements(against)]


def _left_out(grid: Grid, against: PublishedTable, results: Results) -> list[str]:
    """The published rows and columns that the table does not have."""
    here = {name for names in names_of(grid, results).values() for name in names}
    here |= {SINGLE_TASK} if grid.single_task else set()
    measures = {column.measure[:2] for column in grid.columns}
    found = []
    if absent := [s for s in dict.fromkeys(key[0] for key in against.numbers()) if s not in here]:
        found.append(f"{against.name} also has {', '.join(absent)}, not in this table.")
    if absent := ["/".join(c) for c in dict.fromkeys(key[2:] for key in against.numbers()) if c not in measures]:
        more = f" and {len(absent) - _NAMED} others" if len(absent) > _NAMED + 1 else ""
        shown = absent[:_NAMED] if more else absent
        found.append(f"Columns of {against.name} that this table does not have are left out: {', '.join(shown)}{more}.")
    return found


def _improvements(against: PublishedTable) -> list[str]:
    """Δm of the published rows."""
    rows = ", ".join(
        f"{strategy} {in_words(value, 2, signed=True)}" for strategy, value in improvements(against).items()
    )
    if not rows:
        return []
    n = len({key[2:] for key in against.numbers()})
    return [
        f"Δm of the published rows over single-task in %, computed from the cells of all {n} columns, each of which weighs the "
        f"same, positive is better (papers print the opposite sign): {rows}."
    ]
