"""Soft optimal uncertainty weighting, by hand from its equation."""

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import UWSO


def test_by_hand(follow):
    a, b = torch.tensor(0.5).double().exp(), torch.tensor(2.0).double().exp()
    torch.testing.assert_close(follow(UWSO(), [[2.0, 0.5]])[0], torch.stack([a, b]) / (a + b))


def test_temperature_evens_out(follow):
    torch.testing.assert_close(follow(UWSO(temperature=1e9), [[2.0, 0.5]]), torch.full((1, 2), 0.5).double())


def test_inverse_is_bounded(follow):
    # exp(1 / (T m)) / (exp(1 / (T m)) + exp(m / (T m))), the loss of zero counting as an inverse of m
    weights = follow(UWSO(temperature=100.0, max_inverse=100.0), [[1.0, 0.0]])
    expected = torch.softmax(torch.tensor([[0.01, 1.0]]).double(), dim=1)
    torch.testing.assert_close(weights, expected)


@pytest.mark.parametrize("name", ["temperature", "max_inverse"])
@pytest.mark.usefixtures("unchecked")
def test_refuses(name):
    with pytest.raises(SpecError, match=f"Parameter `{name}` should be positive. Found `{name} = 0.0`."):
        UWSO(**{name: 0.0})
