"""IMTL-G: equal projections by hand and by definition, TorchJD's weights, and gradients that depend on each other."""

import pytest
import torch
from torchjd.aggregation import IMTLGWeighting

from mtlray.strategies import IMTLG


def test_two_tasks_by_hand(aggregate):
    # The bisector of gradients of lengths 3 and 1: weights in the ratio 1 : 3.
    direction, weights = aggregate(IMTLG(), [[3.0, 0.0], [0.0, 1.0]])
    assert weights.tolist() == pytest.approx([0.25, 0.75])
    assert direction.tolist() == pytest.approx([0.75, 0.75])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_tasks", [2, 3, 5])
def test_every_task_has_the_same_projection(seed, n_tasks, aggregate):
    gradients = torch.randn(n_tasks, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    gradients *= torch.logspace(0, -4, n_tasks).double().unsqueeze(1)
    direction, weights = aggregate(IMTLG(), gradients)
    projections = (gradients / gradients.norm(dim=1, keepdim=True)) @ direction
    torch.testing.assert_close(projections, projections[:1].expand(n_tasks))
    assert weights.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("n_tasks", [1, 2, 3, 5])
def test_is_torchjds(n_tasks, aggregate):
    gradients = torch.randn(n_tasks, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(aggregate(IMTLG(), gradients)[1], IMTLGWeighting()(gradients @ gradients.mT))


def test_dependent_gradients(aggregate):
    _, weights = aggregate(IMTLG(), [[1.0, 2.0], [1.0, 2.0]])
    assert weights.tolist() == pytest.approx([0.5, 0.5])
    _, weights = aggregate(IMTLG(), [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert weights.tolist() == pytest.approx([0.25, 0.25, 0.5])
    assert aggregate(IMTLG(), [[1.0, 2.0], [-3.0, -6.0]])[1].tolist() == [0.0, 0.0]


def test_a_task_without_a_gradient_is_left_out(aggregate):
    assert aggregate(IMTLG(), [[3.0, 0.0], [0.0, 0.0], [0.0, 1.0]])[1].tolist() == pytest.approx([0.25, 0.0, 0.75])


def test_the_sum_of_the_weights_may_turn_the_direction_against_every_task(aggregate):
    # Equal cosines with these unit gradients need a negative share of the third, which is short and so weighs much.
    gradients = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.08, 0.06]]).double()
    gradients = torch.cat([gradients, torch.tensor([[0.0], [0.0], [0.01]]).double()], dim=1)
    direction, weights = aggregate(IMTLG(), gradients)
    assert weights.sum().item() == pytest.approx(1)
    assert (gradients @ direction < 0).all()


A, B = torch.randn(2, 6, generator=torch.Generator().manual_seed(7))
NO_DIRECTION = {
    "a sum of zero": (A, B, -A - B),
    "opposite, and another": (A, -A, B),
    "opposite of unequal length, and another": (A, -2 * A, B),
    "three in a plane": (A, B, A + B),
}


@pytest.mark.parametrize("rows", NO_DIRECTION.values(), ids=NO_DIRECTION)
def test_where_zero_alone_has_equal_projections_the_direction_is_zero(rows, aggregate):
    direction, weights = aggregate(IMTLG(), torch.stack(rows))
    assert not direction.any()
    assert not weights.any()


@pytest.mark.parametrize("rows", [(A, A, B), (A, 2 * A, B), (A, A, A)], ids=["twins", "of unequal length", "all alike"])
def test_twins_have_the_same_projection_as_the_others(rows, aggregate):
    gradients = torch.stack(rows).double()
    direction, weights = aggregate(IMTLG(), gradients)
    projections = (gradients / gradients.norm(dim=1, keepdim=True)) @ direction
    torch.testing.assert_close(projections, projections[:1].expand(3))
    assert projections[0] > 0
    assert weights.sum().item() == pytest.approx(1)
