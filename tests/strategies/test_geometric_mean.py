"""The geometric mean, by hand and against TorchJD."""

import pytest
import torch
import torchjd.scalarization

from mtlray.errors import SpecError
from mtlray.strategies import GeometricMean


def test_by_hand(start, follow):
    # The mean of 8, 1 and 1 is 2; the weights are 2 / (3 L).
    strategy = GeometricMean(epsilon=0.0)
    objective, _, _ = strategy.combine(torch.tensor([[8.0, 1.0, 1.0]]).double(), start(strategy, 3))
    torch.testing.assert_close(objective, torch.tensor([2.0]).double())
    torch.testing.assert_close(follow(strategy, [[8.0, 1.0, 1.0]]), torch.tensor([[1 / 12, 2 / 3, 2 / 3]]).double())


def test_equal_losses_give_weights_that_sum_to_one(follow):
    torch.testing.assert_close(follow(GeometricMean(), [[0.7, 0.7]]), torch.tensor([[0.5, 0.5]]).double())


def test_the_product_may_underflow(start):
    losses = torch.full((1, 6), 1e-10)  # the product is not a float32
    objective, weights, _ = GeometricMean(epsilon=0.0).combine(losses, start(GeometricMean(), 6))
    torch.testing.assert_close(objective, torch.tensor([1e-10]))
    torch.testing.assert_close(weights, torch.full((1, 6), 1 / 6))


def test_agrees_with_torchjd(start, follow):
    losses = torch.rand(3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    theirs = torchjd.scalarization.GeometricMean()(losses)
    theirs.backward()
    strategy = GeometricMean(epsilon=0.0)
    torch.testing.assert_close(strategy.combine(losses.detach()[None], start(strategy, 3))[0], theirs.detach()[None])
    torch.testing.assert_close(follow(strategy, [losses.tolist()])[0], losses.grad)


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r"Parameter `epsilon` should not be negative. Found `epsilon = -1.0`."):
        GeometricMean(epsilon=-1.0)
