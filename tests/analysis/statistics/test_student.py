"""mtlray.analysis.statistics.student: scipy.stats as the oracle, and the values by hand."""

import numpy as np
import pytest
from scipy import special, stats

from mtlray.analysis.statistics.student import detectable, normal_tail, two_sided_p, two_sided_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 49, 200])
def test_p_is_scipys_also_far_out(freedom):
    t = np.array([0.0, 1e-3, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 12.7, 100.0, 1e4])
    expected = 2 * special.stdtr(freedom, -t)
    assert two_sided_p(t, freedom) == pytest.approx(expected, rel=1e-11, abs=0)
    assert np.array_equal(two_sided_p(-t, freedom), two_sided_p(t, freedom))


def test_p_at_the_ends():
    assert two_sided_p([0.0, np.inf, -np.inf], 4).tolist() == [1, 0, 0]
    assert np.isnan(two_sided_p(np.nan, 4))


def test_p_by_hand():
    # With one degree of freedom T is a Cauchy variable: P(|T| > 1) = 1/2. With two, P(|T| > t) = 1 - t/√(2 + t²).
    assert two_sided_p(1.0, 1) == pytest.approx(0.5, rel=1e-14)
    assert two_sided_p(2.0, 2) == pytest.approx(1 - 2 / 6**0.5, rel=1e-14)


@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 29, 500])
@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.9, 0.95, 0.999])
def test_quantile_is_scipys(confidence, freedom):
    assert two_sided_quantile(confidence, freedom) == pytest.approx(
        stats.t.ppf((1 + confidence) / 2, freedom), rel=1e-11
    )


@pytest.mark.parametrize("z", [-1.0, 0.0, 1.96, 8.0])
def test_the_normal_tail_is_scipys(z):
    assert normal_tail(z) == pytest.approx(special.ndtr(-z), rel=1e-13)


@pytest.mark.parametrize(("n", "alpha"), [(2, 0.05), (3, 0.0125), (5, 0.05), (10, 0.05 / 40), (10, 0.05 / 160)])
def test_what_a_test_can_find_is_found_with_80_percent(n, alpha):
    centre = detectable(n, alpha) * n**0.5
    bar = stats.t.ppf(1 - alpha / 2, n - 1)
    assert 1 - stats.nct.cdf(bar, n - 1, centre) == pytest.approx(0.8, abs=1e-6)


def test_one_pair_can_find_nothing():
    assert np.isnan(detectable(1, 0.05))
