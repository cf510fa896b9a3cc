"""mtlray.analysis.statistics.pareto: by hand, and properties."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mtlray.analysis.statistics import dominates, pareto_front

POINTS = [[97.0, 95.0], [96.0, 96.0], [96.0, 94.0], [97.0, 95.0]]


def test_by_hand():
    assert dominates(POINTS).tolist() == [
        [False, False, True, False],
        [False, False, True, False],
        [False, False, False, False],
        [False, False, True, False],
    ]
    assert pareto_front(POINTS).tolist() == [True, True, False, True]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8))
def test_a_front_is_never_empty_and_nobody_dominates_in_a_circle(points):
    matrix = dominates(np.array(points, dtype=float))
    assert pareto_front(points).any()
    assert not (matrix & matrix.T).any()
