"""Comparison: each strategy beside a baseline on the same seeds, with intervals, effect sizes and corrected tests."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.cells import SINGLE_TASK, Grid
from analysis.scores import Scores
from analysis.statistics import RESAMPLES, holm, paired, probability_of_improvement
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


def comparison(grid: Grid, scores: Scores, baseline: str, *, resamples: int = RESAMPLES) -> pd.DataFrame:
    """One row per strategy and column, compared with a baseline over the seeds that both have finished.

    `difference` is strategy − baseline in the metric's unit, `ci_low` and `ci_high` its 95 % bootstrap interval,
    `effect_size` Cohen's d_z. Holm's correction counts all rows of the frame as one family. NaN where seeds are missing.
    """
    base = scores.row(baseline)
    # Equal beside single-task is the same comparison as single-task beside equal, and shown there.
    others = [i for i, s in enumerate(scores.strategies) if s not in (baseline, SINGLE_TASK)]
    rows: list[dict[str, Any]] = []
    finite = np.isfinite(scores.values)
    groups: dict[bytes, list[int]] = {}
    for i in others:
        for j, column in enumerate(scores.columns):
            if not scores.expected[i, j] or not scores.expected[base, j]:
                continue
            common = finite[:, i, j] & finite[:, base, j]
            x, y = scores.values[common, i, j], scores.values[common, base, j]
            groups.setdefault(common.tobytes(), []).append(len(rows))
            rows.append(
                {
                    "baseline": baseline,
                    "strategy": scores.strategies[i],
                    "fraction": column.fraction,
                    "task": column.measure.task,
                    "metric": column.measure.metric,
                    "unit": column.measure.unit,
                    "higher_is_better": column.measure.higher_is_better,
                    "n": int(common.sum()),
                    "expected": int(min(scores.expected[i, j], scores.expected[base, j])),
                    "mean": x.mean() if len(x) else math.nan,
                    "baseline_mean": y.mean() if len(y) else math.nan,
                    "_strategy": i,
                    "_column": j,
                }
            )
    if not rows:
        return pd.DataFrame()
    frame = pd.DataFrame(rows)
    tested = np.full((len(rows), len(_TESTED)), math.nan)
    for key, members in groups.items():
        common = np.frombuffer(key, dtype=bool)
        if common.any():
            tested[members] = _tests(scores, frame.iloc[members], base, common, resamples)
    frame[list(_TESTED)] = tested
    for name in ("p_t", "p_wilcoxon"):
        frame[f"{name}_holm"] = holm(frame[name])
    frame.insert(0, "dataset", grid.dataset)
    frame.insert(1, "data_origin", grid.data_origin)
    return frame.drop(columns=["_strategy", "_column"])


def verdict(row: Mapping[Hashable, Any]) -> str:
    """Better, worse or "" for undecided: by the paired t-test after Holm's correction, at the level ALPHA."""
    if not row["p_t_holm"] <= ALPHA:
        return ""
    return "better" if (row["difference"] > 0) == row["higher_is_better"] else "worse"


def _tests(
    scores: Scores, rows: pd.DataFrame, base: int, common: NDArray[np.bool_], resamples: int
) -> NDArray[np.float64]:
    """The columns _TESTED of rows that have the same seeds."""
    columns = rows["_column"].to_numpy()
    x = scores.values[common][:, rows["_strategy"].to_numpy(), columns]
    y = scores.values[common][:, base, columns]
    sign = np.where(rows["higher_is_better"], 1.0, -1.0)
    found = paired(x, y, resamples=resamples)
    likely = probability_of_improvement((x * sign).T[:, :, None], (y * sign).T[:, :, None])
    parts = (found.difference, *found.interval, found.effect_size, likely, found.p_t, found.p_wilcoxon)
    return np.stack(parts, axis=1)
