"""Nash-MTL and FairGrad: by hand, by their equations on gradients of all lengths, and where there is no solution."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torchjd.aggregation import FairGradWeighting

from mtlray.errors import SpecError, StrategyError
from mtlray.strategies import FairGrad, NashMTL
from mtlray.strategies.numerics.alpha_fair import alpha_fair


def gramian(n_tasks, spread, seed, dtype=np.float64):
    rng = np.random.Generator(np.random.PCG64(seed))
    gradients = rng.standard_normal((n_tasks, 10)) * np.logspace(0, np.log10(spread), n_tasks)[:, None]
    gradients = rng.permutation(gradients).astype(dtype).astype(np.float64)
    return gradients @ gradients.T


def test_two_tasks_by_hand(aggregate):
    # Orthogonal gradients: w = 1 / |g|. Unbounded the direction has length sqrt 2.
    direction, weights = aggregate(NashMTL(max_norm=None), [[4.0, 0.0], [0.0, 0.5]])
    assert weights.tolist() == pytest.approx([0.25, 2.0])
    assert direction.tolist() == pytest.approx([1.0, 1.0])
    direction, weights = aggregate(NashMTL(), [[4.0, 0.0], [0.0, 0.5]])
    assert weights.tolist() == pytest.approx([0.25 / 2**0.5, 2**0.5])
    assert direction.norm().item() == pytest.approx(1)


def test_two_tasks_in_closed_form(aggregate):
    # w = 1 / (|g| sqrt(1 + cos)); here the cosine is 0.6 and 1 + cos is 1.6.
    _, weights = aggregate(NashMTL(max_norm=None), [[2.0, 0.0], [3.0, 4.0]])
    assert weights.tolist() == pytest.approx([1 / (2 * 1.6**0.5), 1 / (5 * 1.6**0.5)])


def test_fair_shares_of_orthogonal_gradients_by_hand(aggregate):
    # |g|^2 w = w^(-1/2): w = |g|^(-4/3).
    _, weights = aggregate(FairGrad(alpha=2.0), [[8.0, 0.0], [0.0, 1.0]])
    assert weights.tolist() == pytest.approx([1 / 16, 1.0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_tasks", [1, 2, 3, 6])
@pytest.mark.parametrize("spread", [1.0, 1e2, 1e4, 1e8])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 10.0])
def test_the_equations_hold_whatever_the_lengths(seed, n_tasks, spread, alpha):
    matrix = gramian(n_tasks, spread, seed)
    weights = alpha_fair(matrix, alpha)
    assert (weights > 0).all()
    assert np.abs((matrix @ weights) * weights ** (1 / alpha) - 1).max() <= 1e-8


@pytest.mark.parametrize("spread", [1.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("cosine", [-0.999999, -0.9, -0.1, 0.0, 1e-9, 0.5, 1.0])
@pytest.mark.parametrize("alpha", [0.3, 1.0, 2.0, 10.0])
def test_the_equation_of_two_tasks_has_the_solution_of_newtons_method(alpha, cosine, spread):
    """A third gradient, at a right angle to both, leaves their weights as they are and has its own; three go to Newton's."""
    lengths = np.array([spread, 1.0, 0.5])
    cosines = np.array([[1.0, cosine, 0.0], [cosine, 1.0, 0.0], [0.0, 0.0, 1.0]])
    matrix = cosines * np.outer(lengths, lengths)
    three, two = alpha_fair(matrix, alpha), alpha_fair(matrix[:2, :2], alpha)
    np.testing.assert_allclose(two, three[:2], rtol=1e-7)
    np.testing.assert_allclose(alpha_fair(matrix[1::-1, 1::-1], alpha), two[::-1], rtol=1e-9)
    if alpha == 1:
        np.testing.assert_allclose(two, 1 / (lengths[:2] * np.sqrt(1 + cosine)), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e12])
@pytest.mark.parametrize("n_tasks", [2, 3])
def test_units_of_the_gradients_do_not_matter(n_tasks, scale):
    matrix = gramian(n_tasks, 100.0, 0)
    np.testing.assert_allclose(alpha_fair(scale * matrix, 2.0), alpha_fair(matrix, 2.0) * scale ** (-2 / 3), rtol=1e-9)


def test_nash_is_the_largest_product_of_gains_within_a_ball(aggregate):
    gradients = torch.randn(3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    if (gradients @ gradients.sum(dim=0) <= 0).any():
        gradients = gradients + gradients.sum(dim=0)
    direction, _ = aggregate(NashMTL(), gradients)
    rows = gradients.numpy()
    found = minimize(
        lambda d: -np.log(np.maximum(rows @ d, 1e-12)).sum(),
        direction.numpy() + 0.05,
        constraints={"type": "ineq", "fun": lambda d: 1 - d @ d},
        options={"ftol": 1e-13},
    )
    np.testing.assert_allclose(direction.numpy(), found.x, atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_nash_is_fairgrad_at_one(seed, aggregate):
    gradients = torch.randn(3, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    nash, fair = (aggregate(s, gradients)[1] for s in (NashMTL(max_norm=None), FairGrad(alpha=1.0)))
    torch.testing.assert_close(nash, fair)
    cut = aggregate(FairGrad(alpha=1.0, max_norm=1.0), gradients)[1]
    torch.testing.assert_close(aggregate(NashMTL(), gradients)[1], cut)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_is_torchjds_where_that_converges(alpha, aggregate):
    gradients = torch.randn(3, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    oracle = FairGradWeighting(alpha)(gradients @ gradients.mT)
    torch.testing.assert_close(aggregate(FairGrad(alpha=alpha), gradients)[1], oracle, rtol=1e-4, atol=0)


def test_scaling_a_loss_does_not_turn_nash(aggregate):
    gradients = torch.randn(3, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    factors = torch.tensor([10.0, 1.0, 0.2]).double()
    first, second = (aggregate(NashMTL(), g) for g in (gradients, factors.unsqueeze(1) * gradients))
    torch.testing.assert_close(first[0], second[0])
    torch.testing.assert_close(first[1], factors * second[1])
    turned = (aggregate(FairGrad(), g)[0] for g in (gradients, factors.unsqueeze(1) * gradients))
    assert torch.cosine_similarity(*turned, dim=0) < 0.999


def test_parallel_gradients_and_gradients_of_zero(aggregate):
    assert aggregate(NashMTL(max_norm=None), [[1.0, 0.0], [1.0, 0.0]])[1].tolist() == pytest.approx([0.5**0.5] * 2)
    assert aggregate(NashMTL(), [[0.0, 0.0], [0.0, 4.0]])[1].tolist() == pytest.approx([0.0, 0.25])
    assert aggregate(NashMTL(), [[0.0, 0.0], [0.0, 0.0]])[1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "gradients",
    [
        [[1.0, 2.0], [-2.0, -4.0]],
        [[0.1, 0.7], [-0.3, -2.1]],
        [[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]],
        [[1.0, 0.0], [-1.0, 1e-9]],
    ],
)
@pytest.mark.parametrize("strategy", [NashMTL(), FairGrad(), FairGrad(alpha=0.5)], ids=lambda s: s.label)
def test_where_gradients_cancel_there_is_no_solution(strategy, gradients, aggregate):
    with pytest.raises(StrategyError, match=r"gradients cancel, at a Pareto-stationary point.* The trial stops here\."):
        aggregate(strategy, gradients)
    fallback = type(strategy)(on_solver_error="fallback")
    direction, weights = aggregate(fallback, gradients)
    assert weights.tolist() == [1.0] * len(gradients)
    torch.testing.assert_close(direction, torch.tensor(gradients).double().sum(dim=0))


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("angle", [1e-1, 1e-2, 1e-3])
def test_gradients_that_nearly_cancel_are_solved(alpha, angle):
    """Rounding in the quadratic form once stopped the line search at 1e-7."""
    gradients = np.array([[1.0, 0.0], [-1.0, angle]])
    matrix = gradients @ gradients.T
    weights = alpha_fair(matrix, alpha)
    assert np.abs((matrix @ weights) * weights ** (1 / alpha) - 1).max() <= 1e-8


@pytest.mark.parametrize("n_tasks", [2, 3])
def test_weights_that_no_float_can_hold_are_an_error(n_tasks):
    """At a large alpha the weight of one of two parallel gradients goes to zero like a power of their lengths' ratio."""
    rows = np.array([[1.0], [1e-6], [1e-6]])[:n_tasks]
    with pytest.raises(StrategyError, match="found no positive weights"):
        alpha_fair(rows @ rows.T, 1000.0)


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r"Parameter `max_norm` should be positive or None. Found `max_norm = 0.0`."):
        NashMTL(max_norm=0.0)
    with pytest.raises(SpecError, match=r"Parameter `alpha` should be positive. Found `alpha = 0.0`."):
        FairGrad(alpha=0.0)
    with pytest.raises(SpecError, match=r"Parameter `max_norm` should be positive or None. Found `max_norm = -1.0`."):
        FairGrad(max_norm=-1.0)
