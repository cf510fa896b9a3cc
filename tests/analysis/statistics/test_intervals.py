"""mtlray.analysis.statistics.intervals: scipy as the oracle, and what they cover, in the short form of `make simulate`."""

import numpy as np
import pytest
import simulations
from scipy import stats

from mtlray.analysis.statistics import independent, mean_interval
from mtlray.errors import ResultsError

DRAWS = 20_000
ERROR = 3 * (0.05 * 0.95 / DRAWS) ** 0.5  # three standard errors of a simulated 95 %


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_students_interval_is_scipys(n):
    values = np.random.default_rng(n).normal(97, 0.3, size=(n, 4))
    found = mean_interval(values)
    for i in range(4):
        expected = stats.ttest_1samp(values[:, i], 97).confidence_interval(0.95)
        assert (found.low[i], found.high[i]) == pytest.approx(tuple(expected), rel=1e-9)


def test_one_seed_has_no_interval():
    assert np.isnan([*mean_interval([1.0])]).all()
    with pytest.raises(ResultsError, match="should be finite"):
        mean_interval([1.0, np.nan])


@pytest.mark.parametrize("n", simulations.SEEDS)
@pytest.mark.parametrize(
    ("of", "low", "high"),
    [
        (simulations.student, 0.94, 0.96),
        (simulations.of_pairs, 0.94, 0.96),
        (simulations.of_independent, 0.93, 0.99),
        (lambda *a: simulations.of_independent(*a, spread=1.0), 0.93, 0.99),
        (lambda *a: simulations.of_independent(*a, spread=0.3), 0.93, 0.99),
    ],
    ids=["Student", "paired", "theirs large", "equal", "theirs small"],
)
def test_intervals_cover_what_they_say(of, low, high, n):
    assert low - ERROR <= of(n, DRAWS, np.random.default_rng(n)) <= high + ERROR


@pytest.mark.parametrize("n", simulations.SEEDS)
@pytest.mark.parametrize("per", ["task", "metric"])
def test_the_interval_of_delta_m_covers_what_it_says(n, per):
    found = simulations.of_delta_m(n, DRAWS, np.random.default_rng(n), per=per)
    assert 0.94 - ERROR <= found <= 0.96 + ERROR


def test_the_p_of_a_difference_belongs_to_its_interval():
    ours, theirs = (97.5, 0.2, 3), (97.1, 0.3, 10)
    p = float(independent(ours, theirs).p)
    at_p = independent(ours, theirs, confidence=1 - p)
    assert float(at_p.interval.low) == pytest.approx(0.0, abs=1e-9)
    # With equal numbers of runs Cochran and Cox's critical value is Student's for that number.
    same = independent((97.5, 0.2, 5), (97.1, 0.3, 5))
    half = stats.t.ppf(0.975, 4) * ((0.2**2 + 0.3**2) / 5) ** 0.5
    assert float(same.interval.high) == pytest.approx(0.4 + half)


def test_equivalent_means_that_the_90_percent_interval_lies_within_the_margin():
    ours, theirs = (97.3, 0.1, 5), (97.2, 0.1, 10)
    inside = independent(ours, theirs, confidence=0.9)
    edge = float(max(abs(inside.interval.low), abs(inside.interval.high)))
    assert float(independent(ours, theirs, margin=edge).p_equivalent) == pytest.approx(0.05)
    assert float(independent(ours, theirs, margin=2 * edge).p_equivalent) < 0.05
    assert float(independent(ours, theirs, margin=0.05).p_equivalent) > 0.5  # the difference itself is larger
