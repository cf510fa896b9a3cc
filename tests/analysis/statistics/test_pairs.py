"""mtlray.analysis.statistics.pairs: who is beaten, by hand and by scipy; what the sets and bounds hold, by simulation."""

import numpy as np
import pytest
import simulations
from scipy import stats

from mtlray.analysis.statistics import beaten, best_sets, rank_bounds


def test_beaten_is_a_one_sided_paired_t_test():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 5, 3)) + np.arange(5)[None, :, None] / 2
    found = beaten(values, 0.05)
    for i in range(5):
        for other in range(5):
            for j in range(3):
                p = (
                    stats.ttest_rel(values[:, other, j], values[:, i, j], alternative="greater").pvalue
                    if i != other
                    else 1
                )
                assert found[i, other, j] == (p <= 0.05)


def test_equal_differences_and_one_seed_beat_nobody():
    values = np.arange(3.0)[:, None, None] + np.array([[0.0], [0.1]])
    assert not beaten(values, 0.05).any()
    assert not beaten(values[:1], 0.05).any()
    assert best_sets(values).all()


def test_sets_and_bounds_where_the_seeds_tell_all_apart():
    rng = np.random.default_rng(1)
    values = rng.normal(scale=0.01, size=(10, 4, 2)) + np.array([3.0, 1.0, 2.0, 0.0])[None, :, None]
    assert best_sets(values)[:, 0].tolist() == [True, False, False, False]
    low, high = rank_bounds(values)
    assert low[:, 0].tolist() == high[:, 0].tolist() == [1, 3, 2, 4]


@pytest.mark.parametrize("n", [3, 10])
def test_the_sets_hold_the_true_best(n):
    held, size = simulations.holds_the_best(5, n, 600, np.random.default_rng(n))
    assert held >= 0.95 - 3 * (0.05 * 0.95 / 600) ** 0.5
    assert size < 6 or n == 3  # ten seeds tell somebody apart


def test_the_bounds_hold_the_true_ranks():
    found = simulations.ranks_hold(5, 10, 600, np.random.default_rng(4))
    assert found >= 0.95 - 3 * (0.05 * 0.95 / 600) ** 0.5
