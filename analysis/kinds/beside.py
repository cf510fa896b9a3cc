"""Beside: whether a cell and a published number are apart, equivalent, or whether the runs do not decide."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mtlray.analysis.grid.cells import Cell, Column, Grid
from mtlray.analysis.grid.published import Number
from mtlray.analysis.kinds.chance import ALPHA
from mtlray.analysis.statistics import holm, independent, published_interval

APART, EQUIVALENT, UNDECIDED = "apart", "equivalent", "undecided"


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """The verdict on one cell, and how far apart two means may be and still pass as equivalent: the published deviation."""

    word: str
    margin: float


def besides(
    grid: Grid, numbers: Mapping[tuple[str, float, str, str], Number], runs: int
) -> dict[tuple[str, Column], Beside]:
    """The verdict on each cell that has all its seeds and a published number with a deviation, read as one over `runs` runs.

    Apart by the test of Cochran and Cox, equivalent by two one-sided tests, both at the level ALPHA after Holm's correction for
    all cells; apart where it is both. A margin of one deviation is what a single run strays.
    """
    pairs: list[tuple[tuple[str, Column], Cell, float, float]] = []
    for (strategy, column), cell in grid.cells.items():
        number = numbers.get((strategy, column.fraction, column.measure.task, column.measure.metric))
        if number is not None and testable(cell, number):
            pairs.append(((strategy, column), cell, number.mean, number.spread or 0.0))
    p, p_equivalent = np.full((2, len(pairs)), np.nan)
    for place, (_, cell, mean, spread) in enumerate(pairs):
        found = independent((cell.mean or 0.0, cell.std or 0.0, cell.n), (mean, spread, runs), margin=spread)
        p[place], p_equivalent[place] = found.p, found.p_equivalent
    apart, equivalent = holm(p) <= ALPHA, holm(p_equivalent) <= ALPHA
    return {
        key: Beside(word=APART if a else EQUIVALENT if e else UNDECIDED, margin=spread)
        for (key, _, _, spread), a, e in zip(pairs, apart.tolist(), equivalent.tolist(), strict=True)
    }


def testable(cell: Cell, number: Number) -> bool:
    """Whether both have a deviation, and the cell all its seeds."""
    return cell.std is not None and cell.complete and number.spread is not None


def intervals(cell: Cell, number: Number, runs: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Student's 95 % intervals of our mean and of the published one; None where they are not testable."""
    if not testable(cell, number) or cell.mean is None or cell.std is None or number.spread is None:
        return None
    ours = published_interval(cell.mean, cell.std, cell.n)
    theirs = published_interval(number.mean, number.spread, runs)
    return (float(ours.low), float(ours.high)), (float(theirs.low), float(theirs.high))
