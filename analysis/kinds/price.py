"""Price: by how much a result looks better when the test split chooses the evaluation instead of the validation split."""

import math
from typing import Any

import numpy as np

from mtlray.analysis.grid.cells import Grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.scores import scores
from mtlray.analysis.grid.selection import rule
from mtlray.analysis.statistics import mean_interval, selection_price


def prices(results: Results, grid: Grid) -> list[dict[str, Any]]:
    """One row per strategy and column: `best_test` and `at_best_val`, means over the trials that have both, and `price`.

    `price` is the mean difference, positive where the test split flatters, with its 95 % interval by Student.
    """
    flattered, honest = (scores(results, rule(name), grid, join=False) for name in ("best_test", "best_val_per_task"))
    both = np.isfinite(flattered.values) & np.isfinite(honest.values)
    rows: list[dict[str, Any]] = []
    groups: dict[bytes, list[tuple[int, int]]] = {}
    for i, strategy in enumerate(honest.strategies):
        for j, column in enumerate(honest.columns):
            if not honest.expected[i, j]:
                continue
            groups.setdefault(both[:, i, j].tobytes(), []).append((i, j))
            rows.append(
                {
                    "dataset": grid.dataset,
                    "data_origin": grid.data_origin,
                    "strategy": strategy,
                    "fraction": column.fraction,
                    "across": column.across,
                    "task": column.measure.task,
                    "metric": column.measure.metric,
                    "unit": column.measure.unit,
                    "n": int(both[:, i, j].sum()),
                    "expected": int(honest.expected[i, j]),
                    "at": (i, j),
                }
            )
    numbers: dict[tuple[int, int], list[float]] = {}
    for key, members in groups.items():
        seeds = np.frombuffer(key, dtype=bool)
        if not seeds.any():
            continue
        at, to = (np.array(axis) for axis in zip(*members, strict=True))
        best, chosen = flattered.values[seeds][:, at, to], honest.values[seeds][:, at, to]
        price = selection_price(best, chosen, honest.higher_is_better[to])
        columns = (best.mean(axis=0), chosen.mean(axis=0), price.mean(axis=0), *mean_interval(price))
        numbers |= dict(zip(members, np.stack(columns, axis=1).tolist(), strict=True))
    names = ("best_test", "at_best_val", "price", "ci_low", "ci_high")
    nothing = [math.nan] * len(names)
    return [row | dict(zip(names, numbers.get(row.pop("at"), nothing), strict=True)) for row in rows]
