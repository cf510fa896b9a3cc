"""Beside: whether a cell and a published number are apart, equivalent, or whether the runs do not decide."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mtlray.analysis.grid.cells import SINGLE_TASK, Cell, Column, Grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.published import Number, PublishedTable
from mtlray.analysis.kinds.chance import ALPHA
from mtlray.analysis.statistics import holm, independent, published_interval

APART, EQUIVALENT, UNDECIDED = "apart", "equivalent", "undecided"


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """The verdict on one cell, and how far apart two means may be and still pass as equivalent: the published deviation."""

    word: str
    margin: float


def numbers_in(grid: Grid, table: PublishedTable | None, results: Results) -> dict[tuple[str, Column], Number]:
    """The published number beside each cell; none where the table is about other data.

    One that is called single-task stands beside the strategy that trains the column's task alone.
    """
    if table is None or not table.covers(grid.dataset):
        return {}
    found, every = {}, table.numbers()
    for strategy, column in itertools.product(grid.strategies, grid.columns):
        own = results.namesakes.of.get(strategy, (strategy,))[0]
        trains_it_alone = strategy in grid.single_task and (strategy, column) in grid.cells
        names = (own, SINGLE_TASK) if trains_it_alone else (own,)
        of_column = (column.fraction, column.measure.task, column.measure.metric)
        number = next((every[name, *of_column] for name in names if (name, *of_column) in every), None)
        if number is not None:
            found[strategy, column] = number
    return found


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
