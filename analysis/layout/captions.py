"""Captions: what stands above and below every table. Title, data, selection rule, and what is missing, in words."""

from mtlray.analysis.grid.cells import Column, Grid
from mtlray.analysis.grid.load import Results, adopted_text
from mtlray.analysis.grid.places import IN_ROWS, Place
from mtlray.analysis.grid.selection import HONEST, SelectionRule
from mtlray.analysis.grid.several import changed
from mtlray.analysis.kinds.comparison import Family
from mtlray.results.states import TrialState
from mtlray.words.values import per_cent

NOTHING = "–"
_TEN = 10  # evaluations that the rule mean_last_10 is named after


def title(results: Results) -> str:
    """The sweep's name and question."""
    question = " ".join((results.sweep.get("question") or "").split())
    name: str = results.sweep.get("name") or results.ledger.sweep
    return f"{name}: {question}" if question else name


def data(results: Results, grid: Grid) -> list[tuple[str, str]]:
    """The lines of a head that say what the numbers were made from, of which trials, and of several sweeps what differs."""
    lines = [("data set", grid.dataset), ("data origin", grid.data_origin), *axes(results)]
    if results.parts:
        folders = "; ".join(f"{name}: {folder}" for name, folder in results.namesakes.folders.items())
        differing = "; ".join(f"{setting}: {values}" for setting, values in changed(results, grid.dataset))
        lines += [("sweeps", folders), ("changed", differing or "no setting of a finished trial")]
    return lines


def selection(selected: SelectionRule, grid: Grid) -> tuple[str, str]:
    """The line of a head that says which evaluation speaks for a trial."""
    description = selected.description
    if selected.name == "mean_last_10" and grid.evaluations is not None and grid.evaluations[0] < _TEN:
        fewest, most = grid.evaluations
        description = f"test value, mean over all {fewest} evaluations of a trial, because there are no more"
        if most > fewest:
            description = (
                f"test value, mean over the last 10 evaluations, or over all where there are fewer, down to {fewest}"
            )
    if selected.name.startswith("best_test") and not grid.validated:
        description += f". There is no validation split, without which {HONEST}"
    return ("selection", f"{selected.name}: {description}")


def circumstances(grid: Grid) -> list[tuple[str, str]]:
    """The line of a head that says in what else the trials differ; none where they do not."""
    words = "; ".join(f"{name}: {values}" for name, values in grid.circumstances)
    return [("differs", words)] if words else []


def tests(family: Family | None) -> list[tuple[str, str]]:
    """The lines of a head that say what the tests against a baseline are corrected for, and what they can find."""
    if family is None:
        return []
    if not family.comparisons:
        return [("tests", "none: no seeds in common, or differences without any spread")]
    pairs = f"{family.n} pairs of seeds"
    return [
        ("tests", f"paired by seed, two-sided, at 5 % after Holm's correction for {_comparisons(family.comparisons)}"),
        (
            "power",
            f"with {pairs} and this correction a difference of {family.spreads:.3g} standard deviations of the differences "
            "is found with 80 %",
        ),
    ]


def _comparisons(count: int) -> str:
    return f"{count:,} comparison{'s' if count != 1 else ''}"


def rates(results: Results) -> list[tuple[str, str]]:
    """The line of a head that says which learning rates speak for the strategies; none where each had one."""
    return [("rates", f"{results.rates.rule}: {results.rates.description}")] if results.rates.rule else []


def adopted(results: Results, grid: Grid) -> list[tuple[str, str]]:
    """The line of a head on trials that an earlier text of the sweep file trained; none where there are none."""
    text = adopted_text(results, grid.dataset)
    return [("adopted", text)] if text else []


def label(results: Results, grid: Grid, strategy: str) -> str:
    """A strategy's name, with its learning rate where the rows of the table differ in it."""
    return " ".join((strategy, results.rates.labels.get((grid.dataset, strategy), ""))).strip()


def measure(column: Column) -> str:
    """A metric with its unit and direction, as in `accuracy [%] ↑`."""
    what = column.measure
    if not what.metric:
        return NOTHING
    unit = "" if what.unit in ("", "1") else f" [{what.unit}]"
    return f"{what.metric}{unit} {'↑' if what.higher_is_better else '↓'}"


def fraction(share: float) -> str:
    """A data fraction in per cent."""
    return f"{per_cent(share)} %"


def place(where: Place, *, several: bool = True, of_the_data: bool = False) -> str:
    """A column in words: its axes, and its data fraction where there are `several`, or no axes."""
    if where.fraction == IN_ROWS:
        return where.across or "all data fractions"
    if where.across and not several:
        return where.across
    share = f"{fraction(where.fraction)}{' of the data' if of_the_data else ''}"
    return f"{where.across}, {share}" if where.across else share


def axes(results: Results) -> list[tuple[str, str]]:
    """The lines of a head that say which axes rows and columns stand for, and which trials were chosen."""
    placed = results.placed
    lines = [("where", placed.where)] if placed.where else []
    if placed.rows:
        lines.append(("rows", ", ".join(next(iter(placed.of_row.values()), ()))))
    if placed.columns:
        lines.append(("columns", ", ".join(placed.columns)))
    return lines


def steps(steps: tuple[int, ...]) -> str:
    """The steps of the trials that are done."""
    if not steps:
        return "no trial is done yet"
    if len(steps) > 3:
        return f"{steps[0]:,} to {steps[-1]:,}"
    return " or ".join(f"{count:,}" for count in steps)


def notes(results: Results, grid: Grid) -> list[str]:
    """What is missing from the means, in words and numbers."""
    notes: list[str] = []
    planned = sum(grid.states.values())
    done = grid.states[TrialState.DONE]
    if done < planned:
        kinds = [f"{count} {state}" for state, count in sorted(grid.states.items()) if state != TrialState.DONE]
        notes.append(
            f"{planned} trials planned, {done} done, {', '.join(kinds)}. Means are over done trials alone; "
            "(2/3) after a value: 2 of the 3 planned trials are in it."
        )
    notes += _early(results, grid)
    if grid.states[TrialState.DIVERGED]:
        notes.append("diverged: the trial's loss stopped being finite. That is a result, and it is in no mean.")
    if grid.states[TrialState.FAILED]:
        notes.append(
            "failed: the trial ended with an error, told in the summary's column error; mtlray retry lets it run again."
        )
    if any(cell.not_finite for cell in grid.cells.values()):
        notes.append(
            "not finite: the trial is done, but its value under this rule is NaN, infinite or absent, and in no mean."
        )
    if results.damaged:
        files = len(results.damaged)
        notes.append(
            f"{files} result {'files do' if files > 1 else 'file does'} not open, so nothing in "
            f"{'them' if files > 1 else 'it'} is counted: {', '.join(results.damaged)}."
        )
    if results.others:
        notes.append(
            f"{results.others} more finished {'trials' if results.others > 1 else 'trial'} in the folder, not part of "
            "this table."
        )
    return [*notes, *_fallbacks(results, grid), *results.rates.notes.get(grid.dataset, ())]


def legacy(grid: Grid) -> list[str]:
    """What the statistics leave out where a metric is counted in two ways."""
    metrics = {column.measure.metric for column in grid.columns}
    if not any(m.endswith("_legacy") and m.replace("_legacy", "_global") in metrics for m in metrics):
        return []
    return ["Metrics named legacy, means over batches as in 2019, are in the cells alone; here are those over the set."]


def _early(results: Results, grid: Grid) -> list[str]:
    """How many trials ended before their last step."""
    if "stopped_early" not in results.summary.columns:
        return []
    of_dataset = results.summary[results.summary["dataset"] == grid.dataset].drop_duplicates("trial_id")
    early = of_dataset[of_dataset["stopped_early"].eq(True)]["steps"]
    if early.empty:
        return []
    return [
        f"stopped early: {len(early)} of {len(of_dataset)} trials, by their patience, at steps {int(early.min()):,} to "
        f"{int(early.max()):,}. last and mean_last_10 are at the evaluations before that stop."
    ]


def _fallbacks(results: Results, grid: Grid) -> list[str]:
    """Strategies whose solver failed on some steps."""
    fell = results.summary["solver_fallbacks"] > 0
    if not fell.any():
        return []
    rows = results.summary[fell & (results.summary["dataset"] == grid.dataset)].drop_duplicates("trial_id")
    return [
        f"{strategy}: {int(trials['solver_fallbacks'].sum()):,} steps in {len(trials)} "
        f"trial{'s' if len(trials) > 1 else ''} fell back to the equal direction, because the strategy's solver failed."
        for strategy, trials in rows.groupby("strategy", sort=False)
    ]
