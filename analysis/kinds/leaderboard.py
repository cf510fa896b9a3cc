"""Leaderboard: one row per strategy, over all tasks, metrics and data fractions of a data set, and for each fraction."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import SINGLE_TASK, Column, Grid
from mtlray.analysis.grid.places import Place
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.kinds.chance import above_chance
from mtlray.analysis.kinds.comparison import Family, usual, verdicts
from mtlray.analysis.kinds.placing import placing
from mtlray.analysis.statistics import delta_m, mean_interval, near_zero
from mtlray.analysis.statistics.improvement import Convention

CONVENTIONS: tuple[Convention, ...] = ("task", "metric")


def leaderboard(grid: Grid, scores: Scores) -> tuple[list[dict[str, Any]], Family | None]:
    """One row per strategy and part of the columns: `fraction` is NaN for all of them together, then each place alone.

    `n` counts the seeds that the strategy and single-task have finished in every column, of `expected`; `lost` those that ended
    without a number. Δm is the mean over seeds of each seed's own, with Student's interval; there is none where a seed was lost.
    Ranks are those of the printed means, ties sharing their mean rank, averaged over a task's metrics, then over tasks and
    fractions. Only strategies on the same seeds are ranked, and what diverged is last, whatever is left of it. `rank_low` and
    `rank_high` are the ranks that the seeds leave possible, with 95 %. `columns` are those of the part that the strategy trains;
    `wins` counts those whose best printed mean it has, `among_best` those where no other beats it, `better` and `worse` those
    where it differs from single-task, or of several sweeps from its namesake in an earlier one (paired t-test, Holm over all
    strategies and columns of the data set). `pareto` counts the
    pairs of tasks, at equal fraction and by their first metric, on whose front the strategy stands, of `pairs`.
    """
    places = list(dict.fromkeys(column.place for column in scores.columns))
    baseline = usual(scores)
    differing, family = verdicts(grid, scores, baseline) if baseline is not None else ({}, None)
    parts = [None, *places] if len(places) > 1 else places
    where = {"dataset": grid.dataset, "data_origin": grid.data_origin}
    above = above_chance(grid, scores)
    return [where | row for place in parts for row in _part(scores, differing, above, place)], family


_DELTA_M = tuple(f"delta_m_{per}{end}" for per in CONVENTIONS for end in ("", "_low", "_high"))


def _part(
    scores: Scores, differing: dict[tuple[int, int], str], above: NDArray[np.bool_], part: Place | None
) -> list[dict[str, Any]]:
    at = [j for j, c in enumerate(scores.columns) if part is None or c.place == part]
    place = placing(scores, at, above)
    gained = gains(scores, at)
    planned = scores.expected > 0
    rows = []
    for i, strategy in enumerate(scores.strategies):
        own = [j for j in at if planned[i, j]]
        gain = gained.get(i, {})
        verdicts = [differing.get((i, j), "") for j in own]
        rows.append(
            {
                "fraction": math.nan if part is None else part.fraction,
                "across": "" if part is None else part.across,
                "strategy": strategy,
                "n": int(gain["n"]) if gain else _finished(scores, i, own),
                "expected": int(scores.expected[i, own].max()) if own else 0,
                "lost": int(scores.lost[i, own].max()) if own else 0,
                "complete": bool(np.all(scores.comparable[i, at])),
                "mean_rank": float(place.rank[i]),
                "rank_low": float(place.low[i]),
                "rank_high": float(place.high[i]),
                "ranked": place.ranked,
                "columns": len(own),
                "wins": int(place.wins[i]),
                "among_best": int(place.among_best[i]),
                "better": verdicts.count("better"),
                "worse": verdicts.count("worse"),
                "pareto": int(place.front[i]),
                "pairs": place.pairs,
            }
            | {name: gain.get(name, math.nan) for name in _DELTA_M}
        )
    # Unranked strategies last, else in the sweep's order where ranks are equal.
    return sorted(rows, key=lambda row: math.inf if math.isnan(row["mean_rank"]) else row["mean_rank"])


def gains(
    scores: Scores, at: list[int], conventions: Sequence[Convention] = CONVENTIONS
) -> dict[int, dict[str, float]]:
    """Δm over the columns `at`, its interval and its `n`, by the strategy's place: the mean over seeds of each seed's Δm.

    Only of strategies that train every column of single-task and lost no seed, and of none where single-task is too near zero to
    divide by (`too_near_zero`).
    """
    if SINGLE_TASK not in scores.strategies:
        return {}
    base = scores.row(SINGLE_TASK)
    at = [j for j in at if scores.expected[base, j]]
    if not at or scores.lost[base, at].any() or too_near_zero(scores, at):
        return {}
    tasks = [(scores.columns[j].measure.task, scores.columns[j].place) for j in at]
    single_metric = len(set(tasks)) == len(tasks)
    up = scores.higher_is_better[at]
    values = scores.values[:, :, at]
    finite: NDArray[np.bool_] = np.all(np.isfinite(values), axis=2)
    groups: dict[bytes, list[int]] = {}
    for i in range(len(scores.strategies)):
        common = finite[:, i] & finite[:, base]
        if i != base and scores.expected[i, at].all() and not scores.lost[i, at].any() and common.any():
            groups.setdefault(common.tobytes(), []).append(i)
    gained: dict[int, dict[str, float]] = {}
    for key, members in groups.items():
        common = np.frombuffer(key, dtype=bool)
        ours, theirs = values[common][:, members], values[common][:, [base]]
        for per in conventions:
            if per == "task" or not single_metric:  # else both conventions are the same number
                of_seeds = delta_m(ours, theirs, higher_is_better=up, tasks=tasks, per=per)
                found, interval = of_seeds.mean(axis=0), mean_interval(of_seeds)
            for k, i in enumerate(members):
                gained.setdefault(i, {"n": float(common.sum())}).update(
                    {
                        f"delta_m_{per}": float(found[k]),
                        f"delta_m_{per}_low": float(interval.low[k]),
                        f"delta_m_{per}_high": float(interval.high[k]),
                    }
                )
    return gained


def too_near_zero(scores: Scores, at: Sequence[int]) -> list[Column]:
    """The columns in which single-task is too near zero for a relative gain over it."""
    if SINGLE_TASK not in scores.strategies:
        return []
    base, found = scores.row(SINGLE_TASK), []
    for j in at:
        own = scores.values[:, base, j]
        own = own[np.isfinite(own)]
        if len(own) and near_zero(own[:, None])[0]:
            found.append(scores.columns[j])
    return found


def _finished(scores: Scores, strategy: int, own: list[int]) -> int:
    """The number of seeds that have a number in each of a strategy's columns."""
    return int(np.isfinite(scores.values[:, strategy, own]).all(axis=1).sum()) if own else 0
