"""ConFIG: equal cosines and its length by definition, TorchJD's direction, and gradients that depend on each other."""

import pytest
import torch
from torchjd.aggregation import ConFIG as Oracle

from mtlray.strategies import IMTLG, ConFIG


def test_two_tasks_by_hand(aggregate):
    # Along the bisector v = (1, 1) / sqrt 2, for (3 + 1) / sqrt 2.
    direction, weights = aggregate(ConFIG(), [[3.0, 0.0], [0.0, 1.0]])
    assert direction.tolist() == pytest.approx([2.0, 2.0])
    assert weights.tolist() == pytest.approx([2 / 3, 2.0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_tasks", [2, 3, 5])
def test_equal_cosines_and_the_sum_of_the_projections(seed, n_tasks, aggregate):
    gradients = torch.randn(n_tasks, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    direction, _ = aggregate(ConFIG(), gradients)
    cosines = torch.cosine_similarity(gradients, direction.expand_as(gradients))
    torch.testing.assert_close(cosines, cosines[:1].expand(n_tasks))
    assert direction.norm().item() == pytest.approx((gradients @ direction).sum().item() / direction.norm().item())
    torch.testing.assert_close(direction, Oracle()(gradients))


def test_dependent_gradients(aggregate):
    for gradients in (
        [[1.0, 2.0], [1.0, 2.0]],
        [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.0], [0.0, 0.0], [0.0, 3.0]],
    ):
        expected = Oracle()(torch.tensor(gradients).double())
        torch.testing.assert_close(aggregate(ConFIG(), gradients)[0], expected)
    assert aggregate(ConFIG(), [[1.0, 2.0], [-3.0, -6.0]])[0].tolist() == [0.0, 0.0]


def test_the_direction_does_not_depend_on_the_scale_of_a_loss(aggregate):
    gradients = torch.randn(3, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scaled = gradients * torch.tensor([[10.0], [1.0], [0.2]]).double()
    for strategy in (ConFIG(), IMTLG()):
        first, second = (aggregate(strategy, g)[0] for g in (gradients, scaled))
        assert torch.cosine_similarity(first, second, dim=0).item() == pytest.approx(1)
