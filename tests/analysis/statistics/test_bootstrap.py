"""mtlray.analysis.statistics.bootstrap: coverage on simulated seeds, seeding, and the intervals of papers."""

import numpy as np
import pytest
from scipy import stats

from mtlray.analysis.statistics import (
    interval_of_means,
    mean_interval,
    published_interval,
)
from mtlray.errors import ResultsError


def covered(interval, truth: float) -> float:
    return float(np.mean((interval.low <= truth) & (truth <= interval.high)))


def normal(n: int, repetitions: int, seed: int = 3):
    return np.random.default_rng(seed).normal(97.5, 0.3, size=(n, repetitions))


@pytest.mark.parametrize(("n", "low", "high"), [(10, 0.93, 0.97), (3, 0.70, 0.80), (5, 0.89, 0.95)])
def test_coverage_of_the_mean(n, low, high):
    """Nominal 95 % at ten seeds; with three no resampling can do better than the range of the data, 1 − 2/2³."""
    assert low <= covered(mean_interval(normal(n, 1000)), 97.5) <= high


def test_the_plain_percentile_interval_would_be_too_narrow():
    x = normal(10, 1000)
    rng = np.random.default_rng(0)
    means = rng.multinomial(10, [0.1] * 10, size=2000) @ x / 10
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    assert np.mean((low <= 97.5) & (high >= 97.5)) < 0.93


def test_a_seed_fixes_the_interval():
    x = normal(10, 4)
    first, second, other = mean_interval(x, seed=7), mean_interval(x, seed=7), mean_interval(x, seed=8)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_columns_and_chunks_do_not_change_an_interval():
    """All columns see the same resamples, however many are computed at a time."""
    x = normal(10, 700)  # more than one chunk
    alone = mean_interval(x[:, :1], resamples=3000)
    together = mean_interval(x, resamples=3000)
    assert together.low.shape == (700,)
    assert np.abs(together.low[0] - alone.low[0]) < 1e-9


def test_paired_columns_keep_their_correlation():
    """A baseline that shares its seeds with a strategy cancels the noise they share."""
    common = normal(10, 1)
    both = np.stack([common + 0.5, common], axis=1)
    interval = interval_of_means(lambda m: m[:, 0] - m[:, 1], both)
    assert interval.low == pytest.approx(0.5)
    assert interval.high == pytest.approx(0.5)


def test_a_single_seed_has_no_interval():
    assert np.isnan(mean_interval([[1.0, 2.0]])).all()
    assert np.isnan(interval_of_means(lambda m: m[:, 0] - m[:, 1], [[1.0, 2.0]])).all()


def test_two_equal_seeds_are_a_point():
    assert np.array_equal(mean_interval([4.0, 4.0]), [4, 4])


@pytest.mark.parametrize("values", [[1.0, float("nan")], [float("inf"), 1.0]])
def test_what_is_not_finite_is_refused(values):
    with pytest.raises(ResultsError, match=r"`values` should be finite\. Found 1 of 2 values that are not"):
        mean_interval(values)


def test_no_seeds_are_refused():
    with pytest.raises(
        ResultsError, match=r"`values` should hold at least one seed, along its first axis\. Found none"
    ):
        mean_interval(np.empty((0, 3)))


def test_students_interval_is_scipys():
    x = normal(7, 1)[:, 0]
    expected = stats.t.interval(0.95, 6, loc=x.mean(), scale=stats.sem(x))
    assert np.allclose(published_interval(x.mean(), x.std(ddof=1), 7), expected, rtol=0, atol=1e-12)
