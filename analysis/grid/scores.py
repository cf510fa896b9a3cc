"""Scores: one data set's numbers seed by seed, as the array that statistics are made from."""

import dataclasses
import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import SINGLE_TASK, Cell, Column, Grid
from mtlray.analysis.grid.digits import digits_of_measures
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.places import Place
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.analysis.grid.several import labelled
from mtlray.results.states import TrialState


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """values[seed, strategy, column] under one selection rule; NaN where there is no finite number.

    `expected[strategy, column]` counts the planned trials, 0 where the strategy does not train the column's task. The
    row `single-task`, where there is one, holds for each column the run that trained the column's task alone;
    `baselines` names that strategy, by row and column. Of several sweeps each has such a row, `single-task [before]`, and
    `earlier` is the place of each strategy's namesake in the first sweep that has it; None for itself, and for one sweep.
    `dropped` names single-task strategies that a better one replaces. `lost` counts the
    trials of [strategy, column] that ended without a number, `diverged` those of them that diverged. `means` are those of the
    cells, NaN where there is none, and `printed` the same as printed: numbers that print alike are equal.
    """

    strategies: tuple[str, ...]
    columns: tuple[Column, ...]
    seeds: tuple[int, ...]
    values: NDArray[np.float64]
    expected: NDArray[np.int64]
    lost: NDArray[np.int64]
    diverged: NDArray[np.int64]
    means: NDArray[np.float64]
    printed: NDArray[np.float64]
    baselines: dict[tuple[str, Column], str]
    dropped: tuple[str, ...]
    earlier: tuple[int | None, ...] = ()

    @property
    def complete(self) -> NDArray[np.bool_]:
        """[strategy, column]: whether every planned trial gave a finite number."""
        found = np.isfinite(self.values).sum(axis=0)
        return np.asarray((found == self.expected) & (self.expected > 0))

    @property
    def higher_is_better(self) -> NDArray[np.bool_]:
        """One flag for each column."""
        return np.array([column.measure.higher_is_better for column in self.columns], dtype=bool)

    @functools.cached_property
    def comparable(self) -> NDArray[np.bool_]:
        """[strategy, column]: whether it is complete, and on the seeds of most of the complete strategies of the column.

        Means over other seeds, or over those that are left, are no fair rivals.
        """
        finite, complete = np.isfinite(self.values), self.complete
        comparable = np.zeros_like(complete)
        for j in range(len(self.columns)):
            seeds = [finite[:, i, j].tobytes() for i in np.flatnonzero(complete[:, j])]
            if seeds:
                counts = Counter(seeds)
                most = max(counts, key=lambda found: (counts[found], found.count(b"\1")))
                comparable[:, j] = complete[:, j] & [finite[:, i, j].tobytes() == most for i in range(len(complete))]
        return comparable

    def row(self, strategy: str) -> int:
        """Where a strategy stands on the middle axis."""
        return self.strategies.index(strategy)


def scores(results: Results, selected: SelectionRule, grid: Grid, *, join: bool = True) -> Scores:
    """The numbers behind a grid's cells, with its single-task strategies joined into one row unless `join` is False.

    A metric `X_legacy` is left out where there is `X_global`.
    Where several train the same task alone, the one with the best mean speaks for it, which is the harder baseline.
    """
    columns = _counted(grid)
    expected = results.expected[results.expected["dataset"] == grid.dataset]
    seeds = tuple(sorted(set(expected["seed"].tolist())))
    strategy_at = {strategy: i for i, strategy in enumerate(grid.strategies)}
    column_at = {(c.measure.task, c.measure.metric, c.place): i for i, c in enumerate(columns)}
    seed_at = {seed: i for i, seed in enumerate(seeds)}
    done = (results.summary["dataset"] == grid.dataset) & (results.summary["state"] == TrialState.DONE)
    rows = results.summary.loc[done, ["trial_id", "task", "metric", selected.column]]
    values = np.full((len(seeds), len(grid.strategies), len(columns)), math.nan)
    # The trial list, not the summary, says which trial belongs where: a sweep may have been narrowed or relabelled.
    planned = (expected[key].tolist() for key in ("trial_id", "strategy", "fraction", "across", "seed"))
    places = {
        trial: (seed_at[seed], strategy_at[strategy], Place(fraction, across))
        for trial, strategy, fraction, across, seed in zip(*planned, strict=True)
    }
    nowhere = (-1, -1, Place(math.nan))
    at, numbers = list[tuple[int, int, int]](), list[float]()
    for trial, task, metric, value in zip(*(rows[key].tolist() for key in rows), strict=True):
        seed, strategy, place = places.get(trial, nowhere)
        column = column_at.get((task, metric, place))
        if column is not None and math.isfinite(value):
            at.append((seed, strategy, column))
            numbers.append(value)
    if at:
        values[tuple(np.array(at).T)] = numbers
    names = {
        strategy: row_name(results, strategy) for strategy in grid.strategies if join and strategy in grid.single_task
    }
    found = _joined(grid, columns, seeds, values, names)
    return dataclasses.replace(found, earlier=_earlier(results, found.strategies)) if results.parts else found


def row_name(results: Results, strategy: str) -> str:
    """The name of the row of a single-task strategy."""
    whose = results.namesakes.of.get(strategy)
    return SINGLE_TASK if whose is None else labelled(SINGLE_TASK, whose[1])


def _earlier(results: Results, rows: Sequence[str]) -> tuple[int | None, ...]:
    """The place of each row's namesake in the first sweep that has it, None for itself."""
    of = dict(results.namesakes.of)
    of |= {labelled(SINGLE_TASK, sweep): (SINGLE_TASK, sweep) for sweep in results.namesakes.folders}
    first: dict[str, int] = {}
    for place, row in enumerate(rows):
        first.setdefault(of[row][0], place)
    return tuple(None if first[of[row][0]] == place else first[of[row][0]] for place, row in enumerate(rows))


def _counted(grid: Grid) -> tuple[Column, ...]:
    """The columns with a metric, but for `X_legacy` beside `X_global`: the same thing must not be counted twice."""
    found = {(column.measure.task, column.measure.metric) for column in grid.columns}
    return tuple(
        column
        for column in grid.columns
        if column.measure.metric
        and (column.measure.task, column.measure.metric.replace("_legacy", "_global"))
        not in found - {(column.measure.task, column.measure.metric)}
    )


def _joined(
    grid: Grid,
    columns: tuple[Column, ...],
    seeds: tuple[int, ...],
    values: NDArray[np.float64],
    join: Mapping[str, str],
) -> Scores:
    """With one row for the strategies of `join` that have one name there, in the place of the first."""
    rows: list[tuple[str, list[str]]] = []  # each row's name, and whose cells it holds by column
    chosen = _baselines(grid, columns, join)
    for strategy in grid.strategies:
        joined = join.get(strategy)
        if joined is None:
            rows.append((strategy, [strategy] * len(columns)))
        elif not any(name == joined for name, _ in rows):
            rows.append((joined, [chosen.get((joined, column), strategy) for column in columns]))
    at = np.array([[grid.strategies.index(s) for s in of] for _, of in rows], dtype=np.int64).reshape(
        len(rows), len(columns)
    )
    cells = [[grid.cells.get((s, c)) for s, c in zip(of, columns, strict=True)] for _, of in rows]
    digits = digits_of_measures(grid)

    def array(of: Callable[[Cell, Column], float | None], kind: type[Any]) -> NDArray[Any]:
        nothing = math.nan if kind is np.float64 else 0
        found = [
            [
                nothing if cell is None or (number := of(cell, column)) is None else number
                for cell, column in zip(row, columns, strict=True)
            ]
            for row in cells
        ]
        return np.array(found, dtype=kind).reshape(len(rows), len(columns))

    used = set(chosen.values())
    return Scores(
        strategies=tuple(name for name, _ in rows),
        columns=columns,
        seeds=seeds,
        values=values[:, at, np.arange(len(columns))],
        expected=array(lambda cell, _: cell.expected, np.int64),
        lost=array(lambda cell, _: cell.lost, np.int64),
        diverged=array(lambda cell, _: cell.diverged, np.int64),
        means=array(lambda cell, _: cell.mean, np.float64),
        printed=array(lambda cell, c: None if cell.mean is None else round(cell.mean, digits[c.measure]), np.float64),
        baselines=chosen,
        dropped=tuple(s for s in grid.strategies if s in join and s not in used),
    )


def _baselines(grid: Grid, columns: tuple[Column, ...], join: Mapping[str, str]) -> dict[tuple[str, Column], str]:
    """Of the strategies with one name in `join` the one with the best mean, for each column that one of them trains."""
    chosen: dict[tuple[str, Column], str] = {}
    for name, column in itertools.product(dict.fromkeys(join.values()), columns):
        sign = 1 if column.measure.higher_is_better else -1
        of_row = (s for s in grid.strategies if join.get(s) == name)
        own = [(s, cell) for s in of_row if (cell := grid.cells.get((s, column))) is not None]
        if own:
            means = [-math.inf if cell.mean is None else sign * cell.mean for _, cell in own]
            chosen[name, column] = own[means.index(max(means))][0]
    return chosen
