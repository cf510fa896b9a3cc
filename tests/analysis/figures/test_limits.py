"""Limits: which values an axis leaves out, and which it does not."""

import pytest

from mtlray.analysis.figures.limits import beyond, fence


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ([95, 96, 97, 98, 30], (95, 98)),
        ([95, 96, 97, 98, 93], (93, 98)),  # squeezes the others to no less than a fifth
        ([95, 96, 30], (30, 96)),  # too few to call one far
        ([1, 1, 1, 1, 50], (1, 50)),  # the others have no span
        ([float("nan"), 2.0, 3.0], (2.0, 3.0)),
        ([], (0.0, 1.0)),
        ([-300, 95, 96, 97, 98, 99, 500], (95, 99)),
    ],
)
def test_far_values_are_left_out_where_they_squeeze_the_others(values, limits):
    assert fence(values) == limits


def test_what_is_beyond_comes_farthest_first():
    assert beyond({"a": 1.0, "b": 0.0, "c": 5.0, "d": 9.0}, 2.0, 6.0) == (["b", "a"], ["d"])
