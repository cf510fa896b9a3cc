"""Improvement: Δm, the mean relative gain over a baseline, and the price of selecting on the test split."""

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtlray.analysis.statistics.checks import Floats, same_shape, scores, signs
from mtlray.errors import ResultsError

Convention = Literal["task", "metric"]
_SPREADS = 4  # standard deviations between a baseline's mean and zero


def delta_m(
    means: ArrayLike,
    baseline: ArrayLike,
    *,
    higher_is_better: ArrayLike,
    tasks: Sequence[Hashable],
    per: Convention,
) -> Floats:
    """Δm in per cent: the mean over columns of (−1)^l (M − B)/|B|, l = 1 where lower is better. Positive is better.

    means[..., column] and baseline[..., column] hold M and B, one column for each metric; where the baseline has an axis of
    size 1, it is that of several M. `tasks` names each column's task. `per="task"` averages a task's metrics first, then
    tasks (Maninis et al. 2019, "Attentive Single-Tasking of Multiple Tasks", equation 4, with several metrics a task): each
    task weighs the same. `per="metric"` averages over all columns: a task with more metrics weighs more, as in the
    published code of Nash-MTL and FAMO, whose sign is the opposite one. The two can differ in sign. The baseline belongs to
    the same data, budget and selection rule; NaN where a baseline is 0. For an interval, take Δm of each seed with its own
    baseline and `mean_interval` of these. Raises ResultsError.
    """
    m, b = np.asarray(means, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if b.shape[-1:] != m.shape[-1:] or any(
        size != 1 and size != of for size, of in zip(b.shape, m.shape, strict=False)
    ):
        raise ResultsError(f"Means and baseline should have one shape. Found {list(m.shape)} and {list(b.shape)}.")
    sign = signs(higher_is_better, m.shape[-1])
    if len(tasks) != m.shape[-1]:
        raise ResultsError(f"`tasks` should name the task of each of {m.shape[-1]} columns. Found {len(tasks)}.")
    names = list(dict.fromkeys(tasks))
    if per == "task":
        weight = np.array([1 / (len(names) * list(tasks).count(task)) for task in tasks])
    else:
        weight = np.full(len(tasks), 1 / len(tasks))
    result: Floats = np.zeros(m.shape[:-1])
    # Column by column, because resampled means are large and a sum over a short last axis is slow.
    for i, factor in enumerate(100 * sign * weight):
        base = np.where(b[..., i] == 0, np.nan, b[..., i])
        result += factor * ((m[..., i] - base) / np.abs(base))
    return result[()]


def near_zero(baseline: ArrayLike) -> NDArray[np.bool_]:
    """Whether baseline[seed, column] is too near zero to divide by: its values change sign, or its mean is below 4 spreads.

    From there on a ratio of normal numbers has a mean and a spread that few seeds tell; with a quarter of the mean as spread the
    interval of Δm still covers what it says (`make simulate`). Raises ResultsError.
    """
    b = scores(baseline, "baseline")
    mean = np.abs(b.mean(axis=0))
    spread = b.std(axis=0, ddof=1) if len(b) > 1 else np.zeros_like(mean)
    one_sign = np.all(b > 0, axis=0) | np.all(b < 0, axis=0)
    return np.asarray(~one_sign | (mean < _SPREADS * spread))


def selection_price(best_test: ArrayLike, at_best_val: ArrayLike, higher_is_better: ArrayLike) -> Floats:
    """By how much selecting on the test split flatters: best_test − at_best_val in the metric's unit, never negative.

    Both are [..., column]; the sign is turned where lower is better. NaN stays NaN. Raises ResultsError.
    """
    best, honest = np.asarray(best_test, dtype=np.float64), np.asarray(at_best_val, dtype=np.float64)
    same_shape(best, honest, "Values under the two rules")
    result: Floats = (best - honest) * signs(higher_is_better, best.shape[-1])
    return result
