"""Beside: whether a cell and a published number are apart, equivalent, or whether the runs do not decide."""

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mtlray.analysis.grid.cells import SINGLE_TASK, Cell, Column, Grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.published_tables.base import Number, PublishedTable
from mtlray.analysis.kinds.chance import ALPHA
from mtlray.analysis.statistics import delta_m, holm, independent, published_interval

APART, EQUIVALENT, UNDECIDED = "apart", "equivalent", "undecided"


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """The verdict on one cell, and how far apart two means may be and still pass as equivalent: the published deviation."""

    word: str
    margin: float


def numbers_in(grid: Grid, table: PublishedTable | None, results: Results) -> dict[tuple[str, Column], Number]:
    """The published number beside each cell; none where the table is about other data."""
    if table is None or not table.covers(grid.dataset):
        return {}
    found, every, called = {}, table.numbers(), names_of(grid, results)
    for strategy, column in itertools.product(grid.strategies, grid.columns):
        trains_it_alone = strategy in grid.single_task and (strategy, column) in grid.cells
        names = (*called[strategy], SINGLE_TASK) if trains_it_alone else called[strategy]
        of_column = (column.fraction, column.measure.task, column.measure.metric)
        number = next((every[name, *of_column] for name in names if (name, *of_column) in every), None)
        if number is not None:
            found[strategy, column] = number
    return found


def names_of(grid: Grid, results: Results) -> dict[str, tuple[str, ...]]:
    """What a paper may call each strategy: its name in its sweep, and without hyperparameters where one row alone has that one.

    A number that is called single-task stands beside the strategy that trains the column's task alone.
    """
    own = {strategy: results.namesakes.of.get(strategy, (strategy,))[0] for strategy in grid.strategies}
    plain = {strategy: name.partition("(")[0] for strategy, name in own.items()}
    rows = Counter(plain.values())
    return {
        strategy: (name, plain[strategy]) if rows[plain[strategy]] == 1 else (name,) for strategy, name in own.items()
    }


def improvements(table: PublishedTable) -> dict[str, float]:
    """Δm in per cent over single-task of each published row, from its cells alone, each of which weighs the same.

    Positive is better. Of the rows that have every column; empty for a table of which that is not wanted.
    """
    if table.lower is None:
        return {}
    by_row: dict[str, dict[tuple[str, str], float]] = {}
    for (strategy, _, task, metric), number in table.numbers().items():
        by_row.setdefault(strategy, {})[task, metric] = number.mean
    baseline = by_row.pop(SINGLE_TASK)
    up = [metric not in table.lower for _, metric in baseline]
    tasks = [task for task, _ in baseline]
    return {
        strategy: float(
            delta_m([row[c] for c in baseline], list(baseline.values()), higher_is_better=up, tasks=tasks, per="metric")
        )
        for strategy, row in by_row.items()
        if row.keys() == baseline.keys()
    }


def besides(grid: Grid, numbers: Mapping[tuple[str, Column], Number], runs: int) -> dict[tuple[str, Column], Beside]:
    """The verdict on each cell that has all its seeds and a published number with a deviation, read as one over its runs.

    `runs` stands for those of which nobody says how many. Apart by the test of Cochran and Cox, equivalent by two one-sided
    tests, both at the level ALPHA after Holm's correction for all cells; apart where it is both. A margin of one deviation is
    what a single run strays.
    """
    pairs: list[tuple[tuple[str, Column], Cell, float, float, int]] = []
    for key, cell in grid.cells.items():
        number = numbers.get(key)
        if number is not None and testable(cell, number):
            pairs.append((key, cell, number.mean, number.spread or 0.0, number.runs or runs))
    p, p_equivalent = np.full((2, len(pairs)), np.nan)
    for place, (_, cell, mean, spread, theirs) in enumerate(pairs):
        found = independent((cell.mean or 0.0, cell.std or 0.0, cell.n), (mean, spread, theirs), margin=spread)
        p[place], p_equivalent[place] = found.p, found.p_equivalent
    apart, equivalent = holm(p) <= ALPHA, holm(p_equivalent) <= ALPHA
    return {
        key: Beside(word=APART if a else EQUIVALENT if e else UNDECIDED, margin=spread)
        for (key, _, _, spread, _), a, e in zip(pairs, apart.tolist(), equivalent.tolist(), strict=True)
    }


def testable(cell: Cell, number: Number) -> bool:
    """Whether both have a deviation, the number one of more than one run, and the cell all its seeds."""
    return cell.std is not None and cell.complete and number.spread is not None and number.runs != 1


def intervals(cell: Cell, number: Number, runs: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Student's 95 % intervals of our mean and of the published one; None where they are not testable."""
    if not testable(cell, number) or cell.mean is None or cell.std is None or number.spread is None:
        return None
    ours = published_interval(cell.mean, cell.std, cell.n)
    theirs = published_interval(number.mean, number.spread, number.runs or runs)
    return (float(ours.low), float(ours.high)), (float(theirs.low), float(theirs.high))
