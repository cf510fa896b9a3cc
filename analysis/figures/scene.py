"""Scene: one data set's results, read once, with a name and a look for each series; every figure is drawn from it."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mtlray.analysis.figures.style import BEHIND, MOST, SINGLE_TASK, Look, looks
from mtlray.analysis.grid.cells import SINGLE_TASK as SINGLE_TASK_ROW
from mtlray.analysis.grid.cells import Grid, Measure, grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.scores import Scores, scores
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.analysis.kinds.chance import above_chance
from mtlray.analysis.kinds.placing import Placing, placing
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
    def scores(self) -> Scores:
        """The numbers seed by seed, with single-task as one row."""
        return scores(self.results, self.selected, self.grid)

    @functools.cached_property
    def placing(self) -> Placing:
        """The ranks of the leaderboard over all columns, one for each strategy of `scores`."""
        return placing(self.scores, list(range(len(self.scores.columns))), above_chance(self.grid, self.scores))

    @property
    def standing(self) -> dict[str, float]:
        """The mean rank of each strategy that has one."""
        ranks = zip(self.scores.strategies, self.placing.rank.tolist(), strict=True)
        return {name: rank for name, rank in ranks if not math.isnan(rank)}

    def label(self, series: str) -> str:
        """A series as a legend names it: with its learning rate and the like where the series differ in them."""
        of = [
            self.results.rates.labels.get((self.grid.dataset, s), "")
            for s, name in self.series.items()
            if name == series
        ]
        return f"{series} {of[0]}".strip() if len(set(of)) == 1 else series

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """All series, those without a colour first, so that they lie behind the others."""
        names = tuple(dict.fromkeys(self.series.values()))
        return (*(n for n in names if n not in self.prominent), *self.prominent)

    @functools.cached_property
    def curves(self) -> pd.DataFrame:
        """The curves of the trials that are done, with planned `strategy` and `series`. Raises NothingToDraw where none are."""
        summary = self.results.summary
        done = set(summary.loc[summary["state"] == TrialState.DONE, "trial_id"])
        frame = self.results.curves(self.grid.dataset)
        frame = frame[frame["trial_id"].isin(done)] if len(frame) else frame
        if not len(frame):
            raise NothingToDraw("no trial that is done left a curve")
        strategy = frame["trial_id"].map(self._strategy_of)
        return frame.assign(strategy=strategy, series=strategy.map(self.series)).sort_values("step", kind="stable")

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
    found = Scene(results=results, selected=selected, grid=part, series=series, prominent={})
    if len(others) > room:
        best = sorted(others, key=lambda name: found.standing.get(name, math.inf))[:room]
        others = [name for name in others if name in best]
    return dataclasses.replace(found, prominent=single | looks(others))


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
