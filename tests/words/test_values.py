"""Two numbers that differ never look the same, and short ones stay short."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtlray.words.values import per_cent, shortest


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100"), (1, "100"), (0.25, "25"), (0.07, "7"), (0.001, "0.1"), (1e-5, "0.001"), (0.333333, "33.3333"),
     (0.3333334, "33.33334"), (1 / 3, "33.33333333333333"), (np.float64(0.1), "10"), (1e-9, "0.0000001")],
)  # fmt: skip
def test_per_cent(share, text):
    assert per_cent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (1.0, "1"), (1e-5, "1e-05"), (0.1234567, "0.1234567"), (3, "3"), (np.float64(0.05), "0.05"),
     (np.float64(1 / 3), "0.3333333333333333"), ("a", "a"), (math.inf, "inf"), (True, "True")],
)  # fmt: skip
def test_shortest(value, text):
    assert shortest(value) == text


@given(st.floats(0, 1, exclude_min=True), st.integers(1, 3))
def test_neighbours_differ(value, steps):
    other = value
    for _ in range(steps):
        other = math.nextafter(other, 2)
    assert shortest(value) != shortest(other)
    assert per_cent(value) != per_cent(other)
    assert float(shortest(value)) == value
