"""Cells: one data set's grid strategy x task x metric x fraction, each cell a mean over seeds and its n."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from mtlray.analysis.grid.circumstances import circumstances
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.places import Place
from mtlray.analysis.grid.selection import READ, SelectionRule, require_values
from mtlray.errors import ResultsError
from mtlray.results.states import TrialState
from mtlray.words.values import shortest

SINGLE_TASK = "single-task"  # the name of all single-task strategies together
# The columns that cells are made from; the others are long texts, which take time to copy.
_READ: tuple[str, ...] = (
    "trial_id",
    "task",
    "metric",
    "unit",
    "higher_is_better",
    "state",
    "steps",
    "data_origin",
    "data_fingerprint",
    "best_val",
    "trivial",
    "n_evaluations",
    "device",
    "kernel",
    "versions",
    *READ,
)


class Measure(NamedTuple):  # it and Column are keys of large dicts, so their hash matters
    """A task's metric. `metric` is "" while no trial that trains the task has finished."""

    task: str
    metric: str
    unit: str
    higher_is_better: bool


class Column(NamedTuple):
    """What a column of the table holds: a measure at one data fraction in (0, 1], IN_ROWS where the rows have it.

    `across` are the other axes that columns stand for, in words.
    """

    measure: Measure
    fraction: float
    across: str = ""

    @property
    def place(self) -> Place:
        """Where it stands within its measure."""
        return Place(self.fraction, self.across)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """Mean and standard deviation (ddof 1) over the `n` trials that are done and hold a finite number.

    `mean` is None where n is 0, `std` where n is below 2. Of the `expected` trials, `diverged`, `failed` and
    `not_finite` (done, but without a finite number) say why n is smaller; the rest has no result yet.
    """

    mean: float | None
    std: float | None
    n: int
    expected: int
    diverged: int
    failed: int
    not_finite: int

    @property
    def complete(self) -> bool:
        return self.n == self.expected

    @property
    def lost(self) -> int:
        """Trials that ended without a number. Those that are left are no fair sample; of trials to come nothing is known."""
        return self.diverged + self.failed + self.not_finite


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """One data set's cells. A cell is absent where its strategy does not train the column's task at that fraction.

    `evaluations` are the fewest and the most of a trial, None where no finished trial says; `validated` is whether there is a
    validation split, as far as finished trials tell. `trivial` is what the best constant prediction achieves, by measure.
    `circumstances` are what differs between the finished trials and may make a difference: what it is, and each value with its
    number of trials.
    """

    dataset: str
    data_origin: str
    steps: tuple[int, ...]
    strategies: tuple[str, ...]
    single_task: frozenset[str]
    columns: tuple[Column, ...]
    cells: dict[tuple[str, Column], Cell]
    states: Counter[str]
    evaluations: tuple[int, int] | None
    validated: bool
    trivial: dict[Measure, float]
    circumstances: tuple[tuple[str, str], ...]


def grid(results: Results, selected: SelectionRule, dataset: str) -> Grid:
    """The cells of one data set under a selection rule.

    Raises ResultsError where its trials were trained on data of different origin, where they hold no number under the rule,
    or where a cell would be a mean over several learning rates (`mtlray.analysis.grid.tuning.tuned` chooses one).
    """
    expected = results.expected[results.expected["dataset"] == dataset]
    rows = results.summary.loc[results.summary["dataset"] == dataset, list(_READ)]
    origin = (
        _origin(rows, dataset)
        or (results.sweep.get("data_origin") or {}).get(dataset)
        or "unknown, no trial has finished"
    )
    done = rows[(rows["state"] == TrialState.DONE) & rows["metric"].notna()]
    require_values(selected, done, dataset)

    # Lists, because a pandas column is slow to walk through.
    state_of: dict[str, str] = dict(zip(rows["trial_id"].tolist(), rows["state"].tolist(), strict=True))
    values: dict[tuple[str, str], dict[str, float]] = {}
    found = (done[name].tolist() for name in ("trial_id", "task", "metric", selected.column))
    for trial, task, metric, value in zip(*found, strict=True):
        values.setdefault((task, metric), {})[trial] = value
    measures = _measures(rows, expected)
    cells = {
        (strategy, Column(measure, *place)): cell
        for (strategy, task, place), trials in _trials_of_cells(expected).items()
        for measure, cell in _cells(trials, measures[task], state_of, values)
    }
    fractions = sorted(set(expected["fraction"].tolist()), reverse=True)
    places = [Place(fraction, words) for words in results.placed.of_column or ("",) for fraction in fractions]
    columns = [Column(m, *place) for of_task in measures.values() for m in of_task for place in places]
    used = {column for _, column in cells}
    return Grid(
        dataset=dataset,
        data_origin=origin,
        steps=tuple(sorted({int(steps) for steps in done["steps"].dropna().unique()})),
        strategies=tuple(dict.fromkeys(expected["strategy"].tolist())),
        single_task=_single_task(expected),
        columns=tuple(column for column in columns if column in used),
        cells=cells,
        states=Counter(state_of.get(trial, "not finished") for trial in expected["trial_id"].tolist()),
        evaluations=_evaluations(done),
        validated=done.empty or bool(done["best_val"].notna().any()),
        trivial=_trivial(done, measures),
        circumstances=circumstances(done),
    )


def _evaluations(done: pd.DataFrame) -> tuple[int, int] | None:
    counts = done["n_evaluations"].dropna()
    return (int(counts.min()), int(counts.max())) if len(counts) else None


def _trivial(done: pd.DataFrame, measures: dict[str, list[Measure]]) -> dict[Measure, float]:
    """What the best constant prediction achieves, where the finished trials know and agree."""
    found: dict[tuple[str, str], set[float]] = {}
    known = done.loc[done["trivial"].notna(), ["task", "metric", "trivial"]].drop_duplicates()
    for task, metric, value in known.itertuples(index=False):
        found.setdefault((task, metric), set()).add(value)
    every = (measure for of_task in measures.values() for measure in of_task)
    return {m: values.pop() for m in every if len(values := found.get((m.task, m.metric), set())) == 1}


def _trials_of_cells(expected: pd.DataFrame) -> dict[tuple[str, str, Place], list[str]]:
    """The planned trials by strategy, task and place. Raises ResultsError where a cell would mix learning rates."""
    trials_of: dict[tuple[str, str, Place], list[str]] = {}
    settings: dict[tuple[str, Place], set[tuple[Any, Any]]] = {}
    keys = ("trial_id", "strategy", "fraction", "across", "tasks", "optimizer", "learning_rate")
    for trial, strategy, fraction, across, tasks, optimizer, rate in zip(
        *(expected[key].tolist() for key in keys), strict=True
    ):
        place = Place(fraction, across)
        settings.setdefault((strategy, place), set()).add((optimizer, rate))
        for task in tasks:
            trials_of.setdefault((strategy, task, place), []).append(trial)
    _refuse_several(settings)
    return trials_of


def _refuse_several(settings: dict[tuple[str, Place], set[tuple[Any, Any]]]) -> None:
    for (strategy, (fraction, _)), found in settings.items():
        if len(found) > 1:
            listing = ", ".join(f"{optimizer} {shortest(rate)}" for optimizer, rate in sorted(found))
            raise ResultsError(
                f"A cell should be a mean over seeds alone. Found {strategy}, fraction {shortest(fraction)}, with several "
                f"optimizers or learning rates: {listing}. Choose one for each strategy with mtlray.analysis.grid.tuning.tuned."
            )


def _origin(rows: pd.DataFrame, dataset: str) -> str:
    """The one origin of the data behind summary rows; "" where none of them names it."""
    found: dict[str, str] = {}
    for column, kind in (("data_origin", "origin"), ("data_fingerprint", "fingerprint")):
        # A trial that failed before it saw its data has no origin.
        known: dict[str, str] = {}
        for trial, value in zip(rows["trial_id"].tolist(), rows[column].fillna("").tolist(), strict=True):
            if value:
                known.setdefault(trial, value)
        counts = sorted(Counter(known.values()).items())
        if len(counts) > 1:
            listing = ", ".join(f"`{value}` ({count} trials)" for value, count in counts)
            raise ResultsError(
                f"The finished trials of {dataset} should share one data {kind}. Found {listing}; a mean over them has "
                "no meaning. Run each kind of data with a --results folder of its own."
            )
        found[kind] = counts[0][0] if counts else ""
    return found["origin"]


def _measures(rows: pd.DataFrame, expected: pd.DataFrame) -> dict[str, list[Measure]]:
    """Each trained task's measures: tasks as the trials with most tasks order them, metrics as recorded."""
    tasks = dict.fromkeys(task for tasks in sorted(expected["tasks"].tolist(), key=len, reverse=True) for task in tasks)
    known = rows[rows["metric"].notna() & rows["unit"].notna()]
    measures: dict[str, list[Measure]] = {task: [] for task in tasks}
    seen = set[tuple[str, str]]()
    for task, metric, unit, up in zip(
        *(known[name].tolist() for name in ("task", "metric", "unit", "higher_is_better")), strict=True
    ):
        if task in measures and (task, metric) not in seen:
            seen.add((task, metric))
            measures[task].append(Measure(task=task, metric=metric, unit=unit, higher_is_better=bool(up)))
    return {
        task: known_measures or [Measure(task=task, metric="", unit="", higher_is_better=True)]
        for task, known_measures in measures.items()
    }


def _single_task(expected: pd.DataFrame) -> frozenset[str]:
    """The strategies that train one task alone on a data set where others train several."""
    most: dict[str, int] = {}
    lists = expected["tasks"].tolist()
    for strategy, tasks in zip(expected["strategy"].tolist(), lists, strict=True):
        if len(tasks) > most.get(strategy, 0):
            most[strategy] = len(tasks)
    several = len(set().union(*lists)) > 1
    return frozenset(strategy for strategy, n_tasks in most.items() if n_tasks == 1 and several)


def _cells(
    trials: list[str],
    measures: list[Measure],
    state_of: dict[str, str],
    values: dict[tuple[str, str], dict[str, float]],
) -> Iterator[tuple[Measure, Cell]]:
    """The cell of each of a task's measures over some trials."""
    states = [state_of.get(trial) for trial in trials]
    done = [trial for trial, state in zip(trials, states, strict=True) if state == TrialState.DONE]
    for measure in measures:
        of_trial = values.get((measure.task, measure.metric), {})
        finite = [value for trial in done if math.isfinite(value := of_trial.get(trial, math.nan))]
        yield (
            measure,
            Cell(
                mean=math.fsum(finite) / len(finite) if finite else None,
                std=_std(finite) if len(finite) > 1 else None,
                n=len(finite),
                expected=len(trials),
                diverged=states.count(TrialState.DIVERGED),
                failed=states.count(TrialState.FAILED),
                not_finite=len(done) - len(finite),
            ),
        )


def _std(values: list[float]) -> float:
    """The standard deviation, ddof 1. `statistics.stdev` is exact to the last bit, and takes most of a large table's time."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
