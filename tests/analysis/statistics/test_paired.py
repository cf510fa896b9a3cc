"""mtlray.analysis.statistics.paired: scipy as the oracle, Holm by hand and by simulation."""

import numpy as np
import pytest
from scipy import stats

from mtlray.analysis.statistics import holm, mean_interval, paired, paired_t
from mtlray.errors import ResultsError


def pairs(n: int, columns: int = 5, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.normal(97, 0.4, size=(n, columns)), rng.normal(96.8, 0.4, size=(n, columns))


@pytest.mark.parametrize("n", [2, 3, 5, 10, 13, 25, 50, 60])
def test_both_tests_agree_with_scipy(n):
    x, y = pairs(n)
    found = paired(x, y)
    for i in range(x.shape[1]):
        assert found.p_t[i] == pytest.approx(stats.ttest_rel(x[:, i], y[:, i]).pvalue, rel=0, abs=1e-12)
        assert found.p_wilcoxon[i] == pytest.approx(stats.wilcoxon(x[:, i], y[:, i]).pvalue, rel=0, abs=1e-12)


@pytest.mark.parametrize("n", [6, 9])
def test_ties_and_zeros_agree_with_scipys_permutations(n):
    rng = np.random.default_rng(n)
    for _ in range(5):
        d = rng.integers(-3, 4, size=n).astype(float)
        if len(set(d)) < 2:
            continue
        exact = stats.PermutationMethod(n_resamples=np.inf)
        expected = stats.wilcoxon(d[d != 0], method=exact).pvalue
        found = paired(d, np.zeros(n))
        assert found.p_wilcoxon == pytest.approx(expected, rel=0, abs=1e-12)
        # Tenths are not exact in binary; their ties are the same ones.
        shifted = paired(d / 10 + 97.3, np.full(n, 97.3))
        assert shifted.p_wilcoxon == found.p_wilcoxon


def test_values_by_hand():
    found = paired([3.0, 5.0, 8.0], [2.0, 3.0, 5.0])  # differences 1, 2, 3
    assert (found.n, found.difference) == (3, 2.0)
    assert found.effect_size == pytest.approx(2.0)  # mean 2, standard deviation 1
    assert found.p_wilcoxon == 0.25  # 2 of 2^3 sign patterns
    assert found.p_t == pytest.approx(2 * stats.t.sf(2 * 3**0.5, 2))
    assert (found.interval.low, found.interval.high) == tuple(mean_interval([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0], [1.5, 2.5, 3.5]])
def test_equal_differences_cannot_be_tested(x):
    found = paired(x, [1.0, 2.0, 3.0])
    assert np.isnan([found.effect_size, found.p_t, found.p_wilcoxon]).all()


def test_a_single_pair_has_a_difference_and_nothing_else():
    found = paired([2.0], [1.5])
    assert found.difference == 0.5
    assert np.isnan([found.effect_size, found.p_t, found.p_wilcoxon, *found.interval]).all()


def test_unequal_seeds_are_refused():
    with pytest.raises(ResultsError, match=r"Paired scores should have one shape. Found \[2\] and \[3\]"):
        paired([1.0, 2.0], [1.0, 2.0, 3.0])


def test_holm_by_hand():
    # In order: 4 x 0.005, 3 x 0.01, 2 x 0.03, 1 x 0.04 raised to the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([]).size == 0


def test_holm_leaves_out_tests_that_could_not_be_made():
    assert holm([[0.01, np.nan], [0.04, np.nan]]) == pytest.approx(
        np.array([[0.02, np.nan], [0.04, np.nan]]), nan_ok=True
    )


def family_wise_error(repetitions: int, effects: int, tests: int = 16, n: int = 10) -> tuple[float, float]:
    """How often any true null among `tests` is rejected, and a true effect on average, against one shared baseline."""
    rng = np.random.default_rng(11)
    baseline = rng.normal(size=(n, repetitions, 1))
    x = rng.normal(size=(n, repetitions, tests))
    x[..., :effects] += 3.0
    adjusted = np.array([holm(p) for p in paired(x, np.broadcast_to(baseline, x.shape)).p_t])
    power = np.mean(adjusted[:, :effects] <= 0.05) if effects else np.nan
    return float(np.mean((adjusted[:, effects:] <= 0.05).any(axis=1))), float(power)


@pytest.mark.parametrize("effects", [0, 4])
def test_holm_keeps_the_family_wise_error(effects):
    error, power = family_wise_error(250, effects)
    assert error <= 0.05 + 3 * (0.05 * 0.95 / 250) ** 0.5
    assert not power < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("effects", [0, 4])
def test_holm_keeps_the_family_wise_error_over_many_sweeps(effects):
    error, _ = family_wise_error(4000, effects)
    assert error <= 0.05 + 3 * (0.05 * 0.95 / 4000) ** 0.5


def test_without_holm_the_error_would_be_large():
    rng = np.random.default_rng(2)
    p = paired(rng.normal(size=(10, 250, 16)), rng.normal(size=(10, 250, 16))).p_t
    assert np.mean((p <= 0.05).any(axis=1)) > 0.4


@pytest.mark.parametrize("n", [1, 2, 10])
def test_the_t_test_alone_is_that_of_the_whole_comparison(n):
    x, y = pairs(n)
    x[:, 0] = y[:, 0]
    whole = paired(x, y)
    difference, p = paired_t(x, y)
    assert np.array_equal(difference, whole.difference)
    assert np.array_equal(p, whole.p_t, equal_nan=True)
