"""The sum of the logarithms, by hand."""

import math

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import ScaleInvariant


def test_by_hand(start, follow):
    objective, weights, _ = ScaleInvariant(epsilon=0.0).combine(
        torch.tensor([[4.0, 0.5]]).double(), start(ScaleInvariant())
    )
    torch.testing.assert_close(objective, torch.tensor([math.log(2)]).double())
    assert weights.tolist() == [[0.25, 2.0]]
    assert follow(ScaleInvariant(epsilon=1.0), [[3.0, 1.0]]).tolist() == [[0.25, 0.5]]


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r"Parameter `epsilon` should not be negative. Found `epsilon = -1.0`."):
        ScaleInvariant(epsilon=-1.0)
