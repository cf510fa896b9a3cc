"""mtlray.analysis.statistics.aggregate: by hand, and scipy as the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mtlray.analysis.statistics import (
    critical_difference,
    iqm,
    mean,
    mean_rank,
    normalised,
    performance_profile,
    probability_of_improvement,
    ranks,
    std,
)
from mtlray.errors import ResultsError


def test_mean_and_deviation_by_hand():
    values = [[90.0, 1.0], [92.0, 1.0], [97.0, 1.0]]
    assert mean(values) == pytest.approx([93, 1])
    assert std(values) == pytest.approx([13**0.5, 0])  # (9 + 1 + 16) / (3 - 1)
    assert np.isnan(std([[90.0, 1.0]])).all()


@pytest.mark.parametrize("count", [1, 2, 4, 7, 10])
def test_interquartile_mean_is_scipys_trimmed_mean(count):
    values = np.random.default_rng(count).normal(size=(count, 3))
    assert iqm(values) == pytest.approx(stats.trim_mean(values, 0.25, axis=None))
    assert iqm(values, axis=0) == pytest.approx(stats.trim_mean(values, 0.25, axis=0))


def test_interquartile_mean_over_several_axes():
    values = np.arange(24.0).reshape(4, 6)
    assert iqm(np.stack([values, values + 1]), axis=(1, 2)) == pytest.approx([11.5, 12.5])


def test_normalised_scores_point_upwards():
    found = normalised([[90.0, 0.5]], [100.0, 0.4], [True, False])
    assert found == pytest.approx(np.array([[0.9, 0.8]]))


def test_probability_of_improvement_by_hand():
    assert probability_of_improvement([[2.0], [4.0]], [[1.0], [2.0], [3.0]]) == pytest.approx((1.5 + 3) / 6)
    assert probability_of_improvement([[2.0, 2.0]], [[1.0, 1.0]], higher_is_better=[True, False]) == 0.5


def test_probability_of_improvement_is_mann_and_whitneys_u():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 1)), rng.normal(size=(8, 1))
    u = stats.mannwhitneyu(x[:, 0], y[:, 0]).statistic
    assert probability_of_improvement(x, y) == pytest.approx(u / 80)


def test_ranks_by_hand():
    values = [[97.0, 0.3], [96.0, 0.2], [97.0, 0.1]]
    assert ranks(values, [True, False]).tolist() == [[1.5, 3], [3, 2], [1.5, 1]]
    assert mean_rank(values, [True, False]).tolist() == [2.25, 2.5, 1.25]


def test_critical_difference_is_demsars():
    """Demšar 2006, section 3.2.3: four classifiers on fourteen data sets, q = 2.569, CD = 1.25."""
    assert critical_difference(4, 14) == pytest.approx(2.569 * (4 * 5 / (6 * 14)) ** 0.5, abs=1e-3)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)


def test_performance_profile_by_hand():
    assert performance_profile([[0.9, 1.0], [1.1, 1.0]], [0.0, 0.9, 1.0, 1.05, 2]).tolist() == [1, 0.75, 0.25, 0.25, 0]


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.lists(st.floats(-5, 5), min_size=1, max_size=5))
def test_a_profile_falls_from_one_to_zero(values, thresholds):
    found = performance_profile(np.array(values)[:, None], sorted(thresholds))
    assert (np.diff(found) <= 0).all()
    assert performance_profile(np.array(values)[:, None], [-6, 5]).tolist() == [1, 0]


@pytest.mark.parametrize("function", [mean, std, iqm, ranks])
def test_nan_is_refused(function):
    with pytest.raises(ResultsError, match="should be finite"):
        function([[1.0, float("nan")], [1.0, 2.0]])


def test_a_flag_for_each_column():
    with pytest.raises(ResultsError, match=r"one flag for each of 2 columns\. Found 3"):
        ranks([[1.0, 2.0]], [True, True, False])


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=12))
def test_ranks_with_ties_agree_with_scipy(values):
    assert ranks(values, higher_is_better=False).tolist() == stats.rankdata(values, axis=0).tolist()
