"""Aggregates: one number, a curve or ranks from scores over seeds and columns (a column is a task's metric, say)."""

import numpy as np
from numpy.typing import ArrayLike

from mtlray.analysis.statistics.checks import Floats, scores, signs


def mean(values: ArrayLike) -> Floats:
    """The mean over seeds of values[seed, ...]. Raises ResultsError for values that are not finite."""
    result: Floats = scores(values).mean(axis=0)
    return result


def std(values: ArrayLike) -> Floats:
    """The standard deviation over seeds (ddof 1) of values[seed, ...]; NaN for a single seed. Raises ResultsError."""
    array = scores(values)
    if len(array) < 2:
        return np.full(array.shape[1:], np.nan)
    result: Floats = array.std(axis=0, ddof=1)
    return result


def iqm(values: ArrayLike, *, axis: int | tuple[int, ...] | None = None) -> Floats:
    """The interquartile mean: the mean of the middle half of all values, or of those along `axis`.

    scores[seed, column] are pooled over both axes by default, as Agarwal et al. (2021, "Deep RL at the Edge of the
    Statistical Precipice") do. A quarter of the values, rounded down, is cut at each end. Raises ResultsError.
    """
    array = scores(values)
    axes = tuple(range(array.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    kept = [i for i in range(array.ndim) if i not in {a % array.ndim for a in axes}]
    pooled = np.transpose(array, [*kept, *(i for i in range(array.ndim) if i not in kept)])
    pooled = np.sort(pooled.reshape(*(array.shape[i] for i in kept), -1), axis=-1)
    cut = pooled.shape[-1] // 4
    result: Floats = pooled[..., cut : pooled.shape[-1] - cut].mean(axis=-1)
    return result


def normalised(values: ArrayLike, baseline: ArrayLike, higher_is_better: ArrayLike) -> Floats:
    """Scores in which the baseline is 1 and higher is better: M/B, or B/M where lower is better.

    values[..., column], baseline[column] with the baseline's means. Raises ResultsError for values that are not finite.
    """
    array, base = scores(values), scores(baseline, "baseline")
    up = signs(higher_is_better, base.shape[-1]) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.where(up, array / base, base / array)
    return result


def probability_of_improvement(x: ArrayLike, y: ArrayLike, *, higher_is_better: ArrayLike = True) -> Floats:
    """The probability that a run of x is better than a run of y on the same column, as a mean over columns.

    x[seed, column] and y[seed, column] may differ in their number of seeds; ties count a half (Agarwal et al. 2021; for
    one column it is Mann and Whitney's U over the number of pairs). Leading axes, as `bootstrap_interval` adds one, are
    kept: the result has the shape of x without its last two axes. Raises ResultsError.
    """
    a, b = scores(x, "x"), scores(y, "y")
    sign = signs(higher_is_better, a.shape[-1])
    difference = (a[..., :, None, :] - b[..., None, :, :]) * sign
    result: Floats = ((difference > 0) + 0.5 * (difference == 0)).mean(axis=(-3, -2, -1))
    return result


def ranks(values: ArrayLike, higher_is_better: ArrayLike = True) -> Floats:
    """Ranks of strategies on each column, 1 for the best, ties sharing their mean rank.

    values[strategy, column] are means, or one seed's scores; the result has the same shape. Raises ResultsError.
    """
    array = scores(values, "values")
    return ranked(-array * signs(higher_is_better, array.shape[-1]))


def ranked(values: Floats) -> Floats:
    """Ranks along the first axis, 1 for the smallest, ties sharing their mean rank."""
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    place = np.arange(1.0, len(values) + 1).reshape(-1, *(1,) * (values.ndim - 1))
    new = np.ones(values.shape, dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.maximum.accumulate(np.where(new, place, 0), axis=0)
    last = np.roll(new, -1, axis=0)
    last[-1] = True
    final = np.minimum.accumulate(np.where(last, place, np.inf)[::-1], axis=0)[::-1]
    result = np.empty(values.shape)
    np.put_along_axis(result, order, (first + final) / 2, axis=0)
    return result


def mean_rank(values: ArrayLike, higher_is_better: ArrayLike = True) -> Floats:
    """Each strategy's mean over columns of `ranks` of values[strategy, column]. Raises ResultsError."""
    result: Floats = ranks(values, higher_is_better).mean(axis=-1)
    return result


def critical_difference(n_strategies: int, n_blocks: int, *, alpha: float = 0.05) -> float:
    """The difference in mean rank from which two of several strategies differ, by Nemenyi's test.

    q(alpha; k, ∞)/√2 · √(k(k + 1)/(6N)) for k strategies ranked on N blocks, such as data set × column × seed (Demšar
    2006, "Statistical Comparisons of Classifiers over Multiple Data Sets", section 3.2.2). Blocks are taken as
    independent; columns of one trial are not, so count a seed once where that matters.
    """
    from scipy import stats  # a second of import that nothing else here needs

    quantile = stats.studentized_range.ppf(1 - alpha, n_strategies, np.inf)
    return float(quantile / np.sqrt(2) * np.sqrt(n_strategies * (n_strategies + 1) / (6 * n_blocks)))


def performance_profile(values: ArrayLike, thresholds: ArrayLike) -> Floats:
    """The share of runs whose score is above each threshold, over all seeds and columns.

    values[seed, column] are normalised, higher is better; the result has one number for each threshold (Agarwal et al.
    2021, equation 3, "run-score distribution"). Raises ResultsError.
    """
    array = np.sort(scores(values).ravel())
    above: Floats = 1 - np.searchsorted(array, np.asarray(thresholds, dtype=np.float64), side="right") / array.size
    return above
