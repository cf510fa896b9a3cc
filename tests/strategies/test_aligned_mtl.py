"""Aligned-MTL: singular values by definition, TorchJD's weights in each mode, and gradients that depend on each other."""

import pytest
import torch
from torchjd.aggregation import AlignedMTLWeighting

from mtlray.errors import SpecError
from mtlray.strategies import AlignedMTL, State

MODES = ("min", "median", "rmse")


def test_two_tasks_by_hand(aggregate):
    # Orthogonal gradients of lengths 3 and 1 are both made as long as the shorter.
    direction, weights = aggregate(AlignedMTL(), [[3.0, 0.0], [0.0, 1.0]])
    assert direction.tolist() == pytest.approx([0.5, 0.5])
    assert weights.tolist() == pytest.approx([1 / 6, 1 / 2])
    root = (10 / 2) ** 0.5 / 2
    assert aggregate(AlignedMTL(scale_mode="rmse"), [[3.0, 0.0], [0.0, 1.0]])[0].tolist() == pytest.approx([root, root])


def test_all_singular_values_are_the_smallest():
    gradients = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gramian = gradients @ gradients.mT
    # The weights are linear in the preferences: a task's column of B is what it alone would weigh.
    values, vectors = torch.linalg.eigh(gramian[0])
    balance = values[0].sqrt() * vectors @ torch.diag(values**-0.5) @ vectors.mT
    found = torch.linalg.svdvals(balance @ gradients[0])
    torch.testing.assert_close(found, torch.linalg.svdvals(gradients[0])[-1:].expand(3))
    weights, _ = AlignedMTL().weigh(gramian, torch.ones(1, 3), State())
    torch.testing.assert_close(weights[0], balance.sum(dim=1) / 3)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_tasks", [1, 2, 3, 4, 5])
def test_is_torchjds(mode, n_tasks, aggregate):
    gradients = torch.randn(n_tasks, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = AlignedMTLWeighting(scale_mode=mode)(gradients @ gradients.mT)
    torch.testing.assert_close(aggregate(AlignedMTL(scale_mode=mode), gradients)[1], expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "gradients",
    [
        [[1.0, 2.0], [1.0, 2.0]],
        [[1.0, 2.0], [-1.0, -2.0]],
        [[1.0, 2.0], [0.0, 0.0]],
        [[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]],
        [[0.0, 0.0], [0.0, 0.0]],
    ],
)
def test_dependent_gradients(mode, gradients, aggregate):
    gradients = torch.tensor(gradients).double()
    expected = AlignedMTLWeighting(scale_mode=mode)(gradients @ gradients.mT) @ gradients
    torch.testing.assert_close(aggregate(AlignedMTL(scale_mode=mode), gradients)[0], expected)


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r'Parameter `scale_mode` should be one of "min", "median", "rmse"'):
        AlignedMTL(scale_mode="max")
