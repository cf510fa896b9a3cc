"""CAGrad: by hand, against its own optimality and a search, and how it ends at its limits."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from mtlray.errors import SpecError
from mtlray.strategies import MGDA, CAGrad


def objective(gradients, share, c):
    mean = gradients.mean(dim=0)
    combined = share @ gradients
    return (combined @ mean + c * mean.norm() * combined.norm()).item()


def test_orthogonal_gradients_by_hand(aggregate):
    # By symmetry w = 1/2: g_w = g_0, so d = (1 + c) g_0.
    direction, weights = aggregate(CAGrad(c=0.4), [[1.0, 0.0], [0.0, 1.0]])
    assert weights.tolist() == pytest.approx([0.7, 0.7])
    assert direction.tolist() == pytest.approx([0.7, 0.7])


def test_opposite_gradients_by_hand(aggregate):
    # On a line, g_0 = 1/2 and the radius c / 2; the second task is worst off, and d = (1 - c) / 2.
    direction, weights = aggregate(CAGrad(c=0.4), [[2.0], [-1.0]])
    assert direction.item() == pytest.approx(0.3)
    assert weights.tolist() == pytest.approx([0.5, 0.5 + 0.2])


@pytest.mark.parametrize(("rescale", "divisor"), [("none", 1.0), ("one_plus_c_squared", 1.25), ("one_plus_c", 1.5)])
@pytest.mark.parametrize("n_tasks", [2, 3])
def test_rescaling(rescale, divisor, n_tasks, aggregate):
    gradients = torch.randn(n_tasks, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain, _ = aggregate(CAGrad(c=0.5), gradients)
    torch.testing.assert_close(aggregate(CAGrad(c=0.5, rescale=rescale), gradients)[0], plain / divisor)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("c", [0.1, 0.5, 1.5])
@pytest.mark.parametrize("factor", [1.0, 1e-4])
def test_two_tasks_against_a_search(seed, c, factor, aggregate):
    gradients = torch.randn(2, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    gradients[1] *= factor
    _, weights = aggregate(CAGrad(c=c), gradients)
    share = weights - 0.5
    share = share / share.sum()
    found = minimize_scalar(
        lambda x: objective(gradients, torch.tensor([x, 1 - x]).double(), c), bounds=(0, 1), options={"xatol": 1e-12}
    )
    assert objective(gradients, share, c) <= found.fun + 1e-9 * abs(found.fun)
    general = CAGrad(c=c).solve((gradients @ gradients.mT).numpy())
    np.testing.assert_allclose(general, weights.numpy(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_tasks", [3, 6])
@pytest.mark.parametrize(("c", "spread"), [(0.4, 1.0), (0.9, 10.0), (2.0, 1e3)])
def test_no_direction_in_the_ball_helps_the_worst_task_more(seed, n_tasks, c, spread, aggregate):
    rng = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(0, math.log10(spread), n_tasks).double().unsqueeze(1)
    gradients = sizes * torch.randn(n_tasks, 8, generator=rng, dtype=torch.float64)
    direction, weights = aggregate(CAGrad(c=c), gradients)
    mean = gradients.mean(dim=0)
    radius = c * mean.norm()
    assert (direction - mean).norm() <= radius * (1 + 1e-9)
    worst = (gradients @ direction).min()
    # Duality: what the worst-off task gains is the objective at the weights, an upper bound for every d in the ball.
    share = weights - 1 / n_tasks
    share = share / share.sum()
    assert share.min() > -1e-12
    bound = objective(gradients, share, c)
    size = gradients.norm(dim=1).max() * direction.norm()
    assert (bound - worst) / size < 1e-8


def test_no_ball_is_the_mean_and_a_large_one_is_mgdas_way(aggregate):
    gradients = torch.randn(3, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(aggregate(CAGrad(c=0.0), gradients)[0], gradients.mean(dim=0))
    far, nearest = aggregate(CAGrad(c=1e4), gradients)[0], aggregate(MGDA(), gradients)[0]
    assert torch.cosine_similarity(far, nearest, dim=0).item() == pytest.approx(1, abs=1e-6)


def test_at_a_stationary_point_on_the_rim_it_is_the_mean(aggregate):
    direction, _ = aggregate(CAGrad(c=0.4), [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(direction, torch.tensor([0.0, 1 / 3]).double())


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r"Parameter `c` should not be negative. Found `c = -0.1`."):
        CAGrad(c=-0.1)
    with pytest.raises(
        SpecError, match=r'Parameter `rescale` should be one of "none", "one_plus_c_squared", "one_plus_c"'
    ):
        CAGrad(rescale=1)


@pytest.mark.parametrize("c", [0.4, 0.9])
@pytest.mark.parametrize("seed", range(8))
def test_what_rounding_leaves_of_gradients_that_cancel_gets_no_weight(c, seed, aggregate):
    a, b = torch.randn(2, 50, generator=torch.Generator().manual_seed(seed))
    for rows in ((a, -a, b), (a, -2 * a, b), (a, b, -a - b), (a, -a)):
        gradients = torch.stack(rows).double()
        direction, weights = aggregate(CAGrad(c=c), gradients)
        assert weights.abs().max() < 10
        mean = gradients.mean(dim=0)
        assert (direction - mean).norm() <= (c + 1e-6) * mean.norm() + 1e-6
        if (direction - mean).norm() < 0.9 * c * mean.norm():  # not on the ball: the centre
            torch.testing.assert_close(weights, torch.full_like(weights, 1 / len(rows)))
