"""Leaderboard: one row per strategy, over all tasks, metrics and data fractions of a data set, and for each fraction."""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import SINGLE_TASK, Grid
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.kinds.comparison import verdicts
from mtlray.analysis.statistics import delta_m, interval_of_means, mean_rank, pareto_front
from mtlray.analysis.statistics.improvement import Convention

CONVENTIONS: tuple[Convention, ...] = ("task", "metric")


def leaderboard(grid: Grid, scores: Scores) -> list[dict[str, Any]]:
    """One row per strategy and part of the columns: `fraction` is NaN for all fractions together, then each alone.

    `n` counts the seeds that the strategy and single-task have finished in every column, of `expected`; Δm is over these.
    Only strategies that are complete in every column are ranked, win, or stand in Pareto fronts: a mean over other
    seeds, or over those that did not diverge, is no fair rival. `columns` are those of the part that the strategy
    trains; `wins` counts those where its mean is the best, `better` and `worse` those where it differs from single-task
    (paired t-test, Holm over all strategies and columns of the data set). `pareto` counts the pairs of tasks, at equal
    fraction and by their first metric, on whose front the strategy stands, of `pairs`.
    """
    fractions = sorted({column.fraction for column in scores.columns}, reverse=True)
    against_single = verdicts(scores, SINGLE_TASK) if SINGLE_TASK in scores.strategies else {}
    parts = [math.nan, *fractions] if len(fractions) > 1 else fractions
    means = scores.means()
    where = {"dataset": grid.dataset, "data_origin": grid.data_origin}
    return [where | row for fraction in parts for row in _part(scores, means, against_single, fraction)]


_DELTA_M = tuple(f"delta_m_{per}{end}" for per in CONVENTIONS for end in ("", "_low", "_high"))


def _part(
    scores: Scores, means_of: NDArray[np.float64], against_single: dict[tuple[int, int], str], fraction: float
) -> list[dict[str, Any]]:
    at = [j for j, c in enumerate(scores.columns) if math.isnan(fraction) or c.fraction == fraction]
    complete: NDArray[np.bool_] = np.all(scores.complete[:, at], axis=1)
    ranked = np.flatnonzero(complete)
    up = scores.higher_is_better[at]
    ranks = np.full(len(scores.strategies), math.nan)
    wins = np.zeros(len(scores.strategies), dtype=np.int64)
    front, n_pairs = np.zeros(len(scores.strategies), dtype=np.int64), 0
    if len(ranked):
        # A complete cell has all its planned seeds; strategies may have been planned with different ones.
        means = means_of[ranked][:, at]
        ranks[ranked] = mean_rank(means, up)
        oriented = means * np.where(up, 1.0, -1.0)
        if len(ranked) > 1:
            wins[ranked] = (oriented == oriented.max(axis=0)).sum(axis=1)
        pairs = _pairs(scores, at)
        n_pairs = len(pairs)
        front[ranked] = sum((pareto_front(oriented[:, pair]).astype(np.int64) for pair in pairs), np.int64(0))
    gained = gains(scores, at)
    planned = scores.expected > 0
    rows = []
    for i, strategy in enumerate(scores.strategies):
        own = [j for j in at if planned[i, j]]
        gain = gained.get(i, {})
        verdicts = [against_single.get((i, j), "") for j in own]
        rows.append(
            {
                "fraction": fraction,
                "strategy": strategy,
                "n": int(gain["n"]) if gain else _finished(scores, i, own),
                "expected": int(scores.expected[i, own].max()) if own else 0,
                "complete": bool(complete[i]),
                "mean_rank": float(ranks[i]),
                "ranked": len(ranked),
                "columns": len(own),
                "wins": int(wins[i]),
                "better": verdicts.count("better"),
                "worse": verdicts.count("worse"),
                "pareto": int(front[i]),
                "pairs": n_pairs,
            }
            | {name: gain.get(name, math.nan) for name in _DELTA_M}
        )
    # Unranked strategies last, else in the sweep's order where ranks are equal.
    return sorted(rows, key=lambda row: math.inf if math.isnan(row["mean_rank"]) else row["mean_rank"])


def gains(
    scores: Scores, at: list[int], conventions: Sequence[Convention] = CONVENTIONS
) -> dict[int, dict[str, float]]:
    """Δm over the columns `at`, its interval and its `n`, by the strategy's place; only of strategies that train every column
    of single-task. The baseline is resampled with them.
    """
    if SINGLE_TASK not in scores.strategies:
        return {}
    base = scores.row(SINGLE_TASK)
    at = [j for j in at if scores.expected[base, j]]
    if not at:
        return {}
    tasks = [(scores.columns[j].measure.task, scores.columns[j].fraction) for j in at]
    single_metric = len(set(tasks)) == len(tasks)
    up = scores.higher_is_better[at]
    values = scores.values[:, :, at]
    finite: NDArray[np.bool_] = np.all(np.isfinite(values), axis=2)
    groups: dict[bytes, list[int]] = {}
    for i in range(len(scores.strategies)):
        common = finite[:, i] & finite[:, base]
        if i != base and scores.expected[i, at].all() and common.any():
            groups.setdefault(common.tobytes(), []).append(i)
    gained: dict[int, dict[str, float]] = {}
    for key, members in groups.items():
        common = np.frombuffer(key, dtype=bool)
        joint = values[common][:, [base, *members]]

        def gain(means: NDArray[np.float64], per: Convention) -> NDArray[np.float64]:
            return delta_m(means[..., 1:, :], means[..., :1, :], higher_is_better=up, tasks=tasks, per=per)

        for per in conventions:
            if per == "task" or not single_metric:  # else both conventions are the same number
                found = gain(joint.mean(axis=0), per)
                interval = interval_of_means(functools.partial(gain, per=per), joint)
            for k, i in enumerate(members):
                gained.setdefault(i, {"n": float(common.sum())}).update(
                    {
                        f"delta_m_{per}": float(found[k]),
                        f"delta_m_{per}_low": float(interval.low[k]),
                        f"delta_m_{per}_high": float(interval.high[k]),
                    }
                )
    return gained


def _pairs(scores: Scores, at: list[int]) -> list[list[int]]:
    """Pairs of places in `at`: two tasks' first metrics at one fraction."""
    first: dict[tuple[float, str], int] = {}
    for place, j in enumerate(at):
        column = scores.columns[j]
        first.setdefault((column.fraction, column.measure.task), place)
    fractions = dict.fromkeys(fraction for fraction, _ in first)
    return [
        list(pair)
        for fraction in fractions
        for pair in itertools.combinations([p for (f, _), p in first.items() if f == fraction], 2)
    ]


def _finished(scores: Scores, strategy: int, own: list[int]) -> int:
    """The number of seeds that have a number in each of a strategy's columns."""
    return int(np.isfinite(scores.values[:, strategy, own]).all(axis=1).sum()) if own else 0
