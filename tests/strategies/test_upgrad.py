"""UPGrad: projections by hand, against their definition by another solver, and its guarantees."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from mtlray.strategies import PCGrad, UPGrad


def test_two_tasks_by_hand(aggregate):
    direction, weights = aggregate(UPGrad(), [[1.0, 0.0], [-1.0, 1.0]])
    assert weights.tolist() == pytest.approx([1.0, 0.75])
    assert direction.tolist() == pytest.approx([0.25, 0.75])


def test_three_tasks_by_hand(aggregate):
    # (1,0,0) and (-1,1,0) conflict as above, the third with neither.
    direction, _ = aggregate(UPGrad(), [[1.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
    assert direction.tolist() == pytest.approx([0.5 / 3, 0.5, 1.0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_tasks", [2, 3, 6])
@pytest.mark.parametrize("spread", [1.0, 1e4])
def test_no_loss_rises(seed, n_tasks, spread, aggregate):
    rng = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(0, 1, n_tasks, base=spread).double().unsqueeze(1)
    gradients = sizes * torch.randn(n_tasks, 8, generator=rng, dtype=torch.float64)
    direction, weights = aggregate(UPGrad(), gradients)
    cosines = torch.cosine_similarity(gradients, direction.expand_as(gradients))
    assert cosines.min() > -1e-7
    assert weights.min() >= 1 / n_tasks - 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_is_the_mean_of_the_projections(seed, aggregate):
    gradients = np.random.Generator(np.random.PCG64(seed)).standard_normal((4, 5))
    gradients[1] = -0.8 * gradients[0] + 0.2 * gradients[1]
    projections = []
    for gradient in gradients:
        found = minimize(
            lambda y, g=gradient: 0.5 * np.square(y - g).sum(),
            np.zeros(5),
            jac=lambda y, g=gradient: y - g,
            constraints={"type": "ineq", "fun": lambda y: gradients @ y, "jac": lambda y: gradients},
            options={"ftol": 1e-14},
        )
        projections.append(found.x)
    direction, _ = aggregate(UPGrad(), gradients)
    np.testing.assert_allclose(direction.numpy(), np.mean(projections, axis=0), atol=1e-6)


@pytest.mark.parametrize("n_tasks", [1, 2, 3])
def test_without_conflict_it_is_the_mean(n_tasks, aggregate):
    gradients = torch.rand(n_tasks, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(aggregate(UPGrad(), gradients)[0], gradients.mean(dim=0))


def test_with_two_tasks_it_is_half_of_pcgrad(aggregate):
    for seed in range(8):
        gradients = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        torch.testing.assert_close(2 * aggregate(UPGrad(), gradients)[0], aggregate(PCGrad(), gradients)[0])


def test_the_solver_for_many_agrees_with_the_formula_for_two(aggregate):
    for seed in range(8):
        gradients = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        general = UPGrad().solve((gradients @ gradients.mT).numpy())
        np.testing.assert_allclose(general, aggregate(UPGrad(), gradients)[1].numpy(), rtol=1e-9)


def test_order_of_the_tasks_does_not_matter(aggregate):
    gradients = torch.randn(3, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    expected, _ = aggregate(UPGrad(), gradients)
    for order in itertools.permutations(range(3)):
        torch.testing.assert_close(aggregate(UPGrad(), gradients[list(order)])[0], expected)
