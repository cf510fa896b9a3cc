"""Scene: one data set's results, read once, with a name and a look for each series; every figure is drawn from it."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mtlray.analysis.figures.style import BEHIND, MOST, SINGLE_TASK, Look, looks
from mtlray.analysis.grid.cells import SINGLE_TASK as SINGLE_TASK_ROW
from mtlray.analysis.grid.cells import Column, Grid, Measure, grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.errors import ResultsError
from mtlray.results.states import TrialState
from mtlray.words.values import per_cent

SINGLE = SINGLE_TASK_ROW


class NothingToDraw(ResultsError):
    """A figure has nothing to show; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The data from which the figures of one data set are drawn.

    `series` maps each strategy to the name of its line: its label, or `single-task` where each task has one strategy that
    trains it alone. `prominent` holds the series that have a colour; where there are more, the others stay grey.
    """

    results: Results
    selected: SelectionRule
    grid: Grid
    series: dict[str, str]
    prominent: dict[str, Look]

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The metrics with results, in the order of the tables."""
        return tuple(dict.fromkeys(c.measure for c in self.grid.columns if c.measure.metric))

    @property
    def fractions(self) -> tuple[float, ...]:
        """The data fractions, from large to small."""
        return tuple(sorted({column.fraction for column in self.grid.columns}, reverse=True))

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column.measure.task for column in self.grid.columns))

    def look(self, series: str) -> Look:
        return self.prominent.get(series, SINGLE_TASK if series == SINGLE else BEHIND)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """All series, those without a colour first, so that they lie behind the others."""
        names = tuple(dict.fromkeys(self.series.values()))
        return (*(n for n in names if n not in self.prominent), *self.prominent)

    @functools.cached_property
    def curves(self) -> pd.DataFrame:
        """The curves of the trials that are done, with the column `series`. Raises NothingToDraw where there are none."""
        summary = self.results.summary
        done = set(summary.loc[summary["state"] == TrialState.DONE, "trial_id"])
        frame = self.results.curves(self.grid.dataset)
        frame = frame[frame["trial_id"].isin(done)] if len(frame) else frame
        if not len(frame):
            raise NothingToDraw("no trial that is done left a curve")
        frame = frame.assign(series=frame["trial_id"].map(self._strategy_of).map(self.series))
        return frame.sort_values("step", kind="stable")

    @functools.cached_property
    def _strategy_of(self) -> dict[str, str]:
        """Each planned trial's strategy. The trial list, not the recorded name, says where a trial belongs."""
        expected = self.results.expected
        return dict(zip(expected["trial_id"], expected["strategy"], strict=True))

    def values(self, measure: Measure, fraction: float) -> pd.DataFrame:
        """One row per trial that is done and holds a finite number under the rule: series, seed, value."""
        rows = self.results.summary
        rows = rows[
            (rows["state"] == TrialState.DONE)
            & (rows["dataset"] == self.grid.dataset)
            & (rows["task"] == measure.task)
            & (rows["metric"] == measure.metric)
            & (rows["fraction"] == fraction)
        ]
        frame = pd.DataFrame(
            {
                "series": rows["trial_id"].map(self._strategy_of).map(self.series),
                "seed": rows["seed"],
                "value": rows[self.selected.column],
            }
        )
        return frame[frame["value"].notna() & ~frame["value"].isin([float("inf"), -float("inf")])]


def scene(results: Results, selected: SelectionRule, dataset: str) -> Scene:
    """The scene of one data set under a selection rule. Raises ResultsError as `mtlray.analysis.grid.cells.grid` does."""
    part = grid(results, selected, dataset)
    series = _series(results, part)
    names = list(dict.fromkeys(series.values()))
    single = {SINGLE: SINGLE_TASK} if SINGLE in names else {}
    others = [name for name in names if name not in single]
    room = MOST - len(single)
    if len(others) > room:
        standing = _standing(part, series)
        best = sorted(others, key=lambda name: standing.get(name, float("inf")))[:room]
        others = [name for name in others if name in best]
    return Scene(results=results, selected=selected, grid=part, series=series, prominent=single | looks(others))


def described(measure: Measure) -> str:
    """A measure as an axis label: `left accuracy [%] ↑`."""
    unit = "" if measure.unit in ("", "1") else f" [{measure.unit}]"
    return f"{measure.task} {measure.metric}{unit} {'↑' if measure.higher_is_better else '↓'}"


def of_data(fraction: float) -> str:
    """A data fraction in words."""
    return f"{per_cent(fraction)} % of the data"


def listed(before: str, names: Sequence[str], most: int = 8) -> str:
    """A sentence that lists names, the first few of many; "" where there are none."""
    if not names:
        return ""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{before}{', '.join(names[:most])}{rest}."


def _series(results: Results, part: Grid) -> dict[str, str]:
    """Each strategy's series. Single-task strategies are one series where no task has two of them."""
    expected = results.expected[results.expected["dataset"] == part.dataset]
    tasks: dict[str, set[str]] = {}
    for strategy, trained in zip(expected["strategy"], expected["tasks"], strict=True):
        tasks.setdefault(strategy, set()).update(trained)
    alone = [task for strategy in part.single_task for task in tasks[strategy]]
    joined = len(alone) == len(set(alone)) and SINGLE not in part.strategies
    return {s: SINGLE if joined and s in part.single_task else s for s in part.strategies}


def _standing(part: Grid, series: dict[str, str]) -> dict[str, float]:
    """Each series' mean rank over the columns in which it has a mean; 1 is best."""
    ranks: dict[str, list[float]] = {}
    for column in part.columns:
        means = {s: _mean(part, s, column) for s in part.strategies}
        known = pd.Series({s: mean for s, mean in means.items() if mean is not None}, dtype=float)
        for strategy, rank in known.rank(ascending=not column.measure.higher_is_better).items():
            ranks.setdefault(series[str(strategy)], []).append(float(rank))
    return {name: sum(found) / len(found) for name, found in ranks.items()}


def _mean(part: Grid, strategy: str, column: Column) -> float | None:
    cell = part.cells.get((strategy, column))
    return None if cell is None else cell.mean
