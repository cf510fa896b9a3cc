"""Comparison: each strategy beside a baseline on the same seeds, with intervals, effect sizes and corrected tests."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import SINGLE_TASK, Grid
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.statistics import holm, paired, paired_t, probability_of_improvement
from mtlray.errors import ResultsError, unknown_name

ALPHA = 0.05
EQUAL = "equal"
_TESTED = ("difference", "ci_low", "ci_high", "effect_size", "probability_of_improvement", "p_t", "p_wilcoxon")


def baselines(scores: Scores, baseline: str | None) -> list[str]:
    """The baselines to compare with: the one named, else single-task and equal, as far as the sweep has them.

    Raises SpecError for a name that the data set does not have, ResultsError where it has none of the default ones.
    """
    if baseline is not None:
        if baseline not in scores.strategies:
            raise unknown_name("baseline", baseline, scores.strategies)
        return [baseline]
    found = [name for name in (SINGLE_TASK, EQUAL) if name in scores.strategies]
    if not found:
        raise ResultsError(
            "A comparison should have a baseline: single-task trials, or the strategy equal. The sweep has neither; name "
            f"one of its strategies with --baseline: {', '.join(scores.strategies)}."
        )
    return found


def comparison(grid: Grid, scores: Scores, baseline: str) -> list[dict[str, Any]]:
    """One row per strategy and column, compared with a baseline over the seeds that both have finished.

    `difference` is strategy − baseline in the metric's unit, `ci_low` and `ci_high` its 95 % bootstrap interval,
    `effect_size` Cohen's d_z. Holm's correction counts all rows as one family. NaN where seeds are missing.
    """
    base = scores.row(baseline)
    rows: list[dict[str, Any]] = []
    for i, j in _compared(scores, base):
        column = scores.columns[j]
        rows.append(
            {
                "dataset": grid.dataset,
                "data_origin": grid.data_origin,
                "baseline": baseline,
                "strategy": scores.strategies[i],
                "fraction": column.fraction,
                "task": column.measure.task,
                "metric": column.measure.metric,
                "unit": column.measure.unit,
                "higher_is_better": column.measure.higher_is_better,
                "n": 0,
                "expected": int(min(scores.expected[i, j], scores.expected[base, j])),
            }
            | dict.fromkeys(("mean", "baseline_mean", *_TESTED), math.nan)
        )
    for members, x, y in _alike(scores, base):
        up = np.array([rows[place]["higher_is_better"] for place in members])
        for place, numbers in zip(members, _tests(x, y, np.where(up, 1.0, -1.0)), strict=True):
            rows[place] |= {"n": len(x)} | dict(zip(("mean", "baseline_mean", *_TESTED), numbers, strict=True))
    for name in ("p_t", "p_wilcoxon"):
        for row, corrected in zip(rows, holm([row[name] for row in rows]).tolist(), strict=True):
            row[f"{name}_holm"] = corrected
    return rows


def verdicts(scores: Scores, baseline: str) -> dict[tuple[int, int], str]:
    """The verdict of `comparison` alone, by the places of strategy and column."""
    base = scores.row(baseline)
    places = _compared(scores, base)
    difference, p = np.full((2, len(places)), math.nan)
    for members, x, y in _alike(scores, base):
        difference[members], p[members] = paired_t(x, y)
    return {
        (i, j): verdict(
            {"p_t_holm": corrected, "difference": by, "higher_is_better": scores.columns[j].measure.higher_is_better}
        )
        for (i, j), by, corrected in zip(places, difference.tolist(), holm(p).tolist(), strict=True)
    }


def verdict(row: Mapping[str, Any]) -> str:
    """Better, worse or "" for undecided: by the paired t-test after Holm's correction, at the level ALPHA."""
    if not row["p_t_holm"] <= ALPHA:
        return ""
    return "better" if (row["difference"] > 0) == row["higher_is_better"] else "worse"


def _compared(scores: Scores, base: int) -> list[tuple[int, int]]:
    """The places of strategy and column that have something to compare."""
    # Equal beside single-task is the same comparison as single-task beside equal, and shown there.
    others = [i for i, s in enumerate(scores.strategies) if i != base and s != SINGLE_TASK]
    planned = scores.expected > 0
    return [(i, j) for i in others for j in np.flatnonzero(planned[i] & planned[base]).tolist()]


def _alike(scores: Scores, base: int) -> list[tuple[list[int], NDArray[np.float64], NDArray[np.float64]]]:
    """What `_compared` lists, in groups with the same seeds in common: places in that list, and both sides [seed, place]."""
    finite = np.isfinite(scores.values)
    common = finite & finite[:, [base]]
    groups: dict[bytes, list[int]] = {}
    places = _compared(scores, base)
    for place, (i, j) in enumerate(places):
        groups.setdefault(common[:, i, j].tobytes(), []).append(place)
    made = []
    for key, members in groups.items():
        seeds = np.frombuffer(key, dtype=bool)
        if seeds.any():
            at, columns = (np.array(axis) for axis in zip(*(places[place] for place in members), strict=True))
            values = scores.values[seeds]
            made.append((members, values[:, at, columns], values[:, base, columns]))
    return made


def _tests(x: NDArray[np.float64], y: NDArray[np.float64], sign: NDArray[np.float64]) -> list[list[float]]:
    """Both means and what _TESTED names, for each column of x[seed, column] and y."""
    found = paired(x, y)
    likely = probability_of_improvement((x * sign).T[:, :, None], (y * sign).T[:, :, None])
    means = (np.ascontiguousarray(side.T).mean(axis=1) for side in (x, y))
    parts = (*means, found.difference, *found.interval, found.effect_size, likely, found.p_t, found.p_wilcoxon)
    table: list[list[float]] = np.stack(parts, axis=1).tolist()
    return table
