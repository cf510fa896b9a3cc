"""Paper rows: the published number below a strategy's own, the difference between them, and what to know of both."""

from collections import Counter

from mtlray.analysis.grid.cells import SINGLE_TASK, Cell, Column, Grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.published import Number, PublishedTable
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.analysis.kinds.beside import APART, EQUIVALENT, UNDECIDED, Beside
from mtlray.analysis.layout.entries import Entry


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
    own = against.given is not None
    notes = list(against.notes)
    if against.dataset and grid.dataset != against.dataset:
        notes.append(
            f"The paper's data set is {against.dataset}. This one, {grid.dataset}, is a variant: see data origin."
        )
    if not own and not selected.name.startswith("best_test"):
        notes.append("The paper's numbers are the best on the test split; --select best_test compares like with like.")
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
    here = {results.namesakes.of.get(s, (s,))[0] for s in grid.strategies} | (
        {SINGLE_TASK} if grid.single_task else set()
    )
    absent = [s for s in dict.fromkeys(key[0] for key in against.numbers()) if s not in here]
    if absent:
        notes.append(f"{against.name} also has {', '.join(absent)}, not in this table.")
    return notes
