"""Scores: one data set's numbers seed by seed, as the array that statistics are made from."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import SINGLE_TASK, Column, Grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.results.states import TrialState


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scores:
    """values[seed, strategy, column] under one selection rule; NaN where there is no finite number.

    `expected[strategy, column]` counts the planned trials, 0 where the strategy does not train the column's task. The
    row `single-task`, where there is one, holds for each column the run that trained the column's task alone;
    `baselines` names that strategy. `dropped` names single-task strategies that a better one replaces.
    """

    strategies: tuple[str, ...]
    columns: tuple[Column, ...]
    seeds: tuple[int, ...]
    values: NDArray[np.float64]
    expected: NDArray[np.int64]
    baselines: dict[Column, str]
    dropped: tuple[str, ...]

    @property
    def complete(self) -> NDArray[np.bool_]:
        """[strategy, column]: whether every planned trial gave a finite number."""
        found = np.isfinite(self.values).sum(axis=0)
        return np.asarray((found == self.expected) & (self.expected > 0))

    @property
    def higher_is_better(self) -> NDArray[np.bool_]:
        """One flag for each column."""
        return np.array([column.measure.higher_is_better for column in self.columns], dtype=bool)

    def means(self) -> NDArray[np.float64]:
        """[strategy, column]: means over the seeds that have a number; NaN where none has."""
        finite = np.isfinite(self.values)
        # Seeds last, because the order of summation, and so the last digit, is that of a single cell's mean.
        means: NDArray[np.float64] = np.ascontiguousarray(np.moveaxis(self.values, 0, -1)).mean(axis=-1)
        for i, j in np.argwhere(~finite.all(axis=0) & finite.any(axis=0)):
            means[i, j] = self.values[finite[:, i, j], i, j].mean()
        return means

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
    column_at = {(c.measure.task, c.measure.metric, c.fraction): i for i, c in enumerate(columns)}
    seed_at = {seed: i for i, seed in enumerate(seeds)}
    done = (results.summary["dataset"] == grid.dataset) & (results.summary["state"] == TrialState.DONE)
    rows = results.summary.loc[done, ["trial_id", "task", "metric", selected.column]]
    values = np.full((len(seeds), len(grid.strategies), len(columns)), math.nan)
    # The trial list, not the summary, says which trial belongs where: a sweep may have been narrowed or relabelled.
    planned = (expected[key].tolist() for key in ("trial_id", "strategy", "fraction", "seed"))
    places = {
        trial: (seed_at[seed], strategy_at[strategy], fraction)
        for trial, strategy, fraction, seed in zip(*planned, strict=True)
    }
    nowhere = (-1, -1, math.nan)
    at, numbers = list[tuple[int, int, int]](), list[float]()
    for trial, task, metric, value in zip(*(rows[key].tolist() for key in rows), strict=True):
        seed, strategy, fraction = places.get(trial, nowhere)
        column = column_at.get((task, metric, fraction))
        if column is not None and math.isfinite(value):
            at.append((seed, strategy, column))
            numbers.append(value)
    if at:
        values[tuple(np.array(at).T)] = numbers
    counts = np.array(
        [[cell.expected if (cell := grid.cells.get((s, c))) else 0 for c in columns] for s in grid.strategies],
        dtype=np.int64,
    ).reshape(len(grid.strategies), len(columns))
    return _joined(grid, columns, seeds, values, counts, grid.single_task if join else frozenset())


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
    expected: NDArray[np.int64],
    join: frozenset[str],
) -> Scores:
    """With one row for the strategies of `join`, in the place of the first."""
    single = [i for i, strategy in enumerate(grid.strategies) if strategy in join]
    if not single:
        return Scores(
            strategies=grid.strategies,
            columns=columns,
            seeds=seeds,
            values=values,
            expected=expected,
            baselines={},
            dropped=(),
        )
    chosen: dict[int, int] = {}
    for j, column in enumerate(columns):
        sign = 1 if column.measure.higher_is_better else -1
        found = [i for i in single if expected[i, j] > 0]
        if found:
            means = [_mean(sign * values[:, i, j]) for i in found]
            chosen[j] = found[means.index(max(means))]
    kept = [i for i in range(len(grid.strategies)) if i not in single]
    at = sum(i < single[0] for i in kept)
    row = np.full((len(seeds), 1, len(columns)), math.nan)
    counts = np.zeros((1, len(columns)), dtype=np.int64)
    for j, i in chosen.items():
        row[:, 0, j], counts[0, j] = values[:, i, j], expected[i, j]
    used = set(chosen.values())
    others = [grid.strategies[i] for i in kept]
    return Scores(
        strategies=(*others[:at], SINGLE_TASK, *others[at:]),
        columns=columns,
        seeds=seeds,
        values=np.concatenate([values[:, kept[:at]], row, values[:, kept[at:]]], axis=1),
        expected=np.concatenate([expected[kept[:at]], counts, expected[kept[at:]]], axis=0),
        baselines={columns[j]: grid.strategies[i] for j, i in chosen.items()},
        dropped=tuple(grid.strategies[i] for i in single if i not in used),
    )


def _mean(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else -math.inf
