"""Exact medians from pieces."""

import math

import numpy as np
import pytest
import torch

from mtlray.tasks.metrics.median import KeptValues, median


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1001, 4096])
def test_as_numpy_whatever_the_pieces(n):
    rng = np.random.default_rng(n)
    values = np.concatenate([rng.random(n - n // 2) * 180, np.full(n // 2, 7.25)]).astype(np.float32)
    kept = KeptValues.of(2)
    for piece in np.array_split(values, 5):
        kept.add([torch.from_numpy(piece), torch.from_numpy(piece * 2)])
    expected = np.median(values.astype(np.float64))
    assert kept.medians().tolist() == [expected, 2 * expected]
    assert median(torch.from_numpy(values)).item() == expected


def test_the_middle_two_may_lie_in_different_bins():
    kept = KeptValues.of(1)
    kept.add([torch.tensor([0.0, -0.0, 100.0, 200.0])])
    assert kept.medians().tolist() == [50]


def test_nothing_has_no_median():
    assert math.isnan(KeptValues.of(1).medians().item())
    assert math.isnan(median(torch.zeros(0)).item())
