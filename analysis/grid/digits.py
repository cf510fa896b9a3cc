"""Digits: to how many a measure's numbers are printed, and so which of them are equal."""

import math

from mtlray.analysis.grid.cells import Cell, Grid, Measure


def decimals(cells: list[Cell], unit: str) -> int:
    """Digits after the point: 2 for percentages and from 10 up; below that, the largest mean shows four digits."""
    largest = max((abs(cell.mean) for cell in cells if cell.mean is not None), default=0.0)
    if unit == "%" or largest == 0 or largest >= 10:
        return 2
    return 3 - math.floor(math.log10(largest))


def digits_of_measures(grid: Grid) -> dict[Measure, int]:
    """Digits after the point for each measure, whose cells all have as many."""
    cells: dict[Measure, list[Cell]] = {}
    for (_, column), cell in grid.cells.items():
        cells.setdefault(column.measure, []).append(cell)
    return {measure: decimals(own, measure.unit) for measure, own in cells.items()}
