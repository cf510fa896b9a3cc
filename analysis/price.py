"""Price: by how much a result looks better when the test split chooses the evaluation instead of the validation split."""

import math

import numpy as np
import pandas as pd

from analysis.cells import Grid
from analysis.load import Results
from analysis.scores import scores
from analysis.selection import rule
from analysis.statistics import mean_interval, selection_price


def prices(results: Results, grid: Grid) -> pd.DataFrame:
    """One row per strategy and column: `best_test` and `at_best_val`, means over the trials that have both, and `price`.

    `price` is the mean difference, positive where the test split flatters, with its 95 % bootstrap interval.
    """
    flattered, honest = (scores(results, rule(name), grid, join=False) for name in ("best_test", "best_val"))
    rows = []
    for i in range(len(honest.strategies)):
        for j, column in enumerate(honest.columns):
            if not honest.expected[i, j]:
                continue
            best, at = flattered.values[:, i, j], honest.values[:, i, j]
            both = np.isfinite(best) & np.isfinite(at)
            row = {
                "dataset": grid.dataset,
                "data_origin": grid.data_origin,
                "strategy": honest.strategies[i],
                "fraction": column.fraction,
                "task": column.measure.task,
                "metric": column.measure.metric,
                "unit": column.measure.unit,
                "n": int(both.sum()),
                "expected": int(honest.expected[i, j]),
            }
            numbers = dict.fromkeys(("best_test", "at_best_val", "price", "ci_low", "ci_high"), math.nan)
            if both.any():
                found = selection_price(
                    best[both][:, None], at[both][:, None], np.array([column.measure.higher_is_better])
                )
                interval = mean_interval(found)
                numbers = {
                    "best_test": float(best[both].mean()),
                    "at_best_val": float(at[both].mean()),
                    "price": float(found.mean()),
                    "ci_low": float(interval.low[0]),
                    "ci_high": float(interval.high[0]),
                }
            rows.append(row | numbers)
    return pd.DataFrame(rows)
