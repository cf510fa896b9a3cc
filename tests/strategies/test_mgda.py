"""MGDA: the shortest convex combination, by hand for two tasks, by its optimality for more."""

import itertools

import pytest
import torch
from torchjd.aggregation import MGDAWeighting

from mtlray.errors import SpecError
from mtlray.strategies import MGDA


@pytest.mark.parametrize(
    ("gradients", "expected"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], (0.5, 0.5)),
        ([[2.0, 0.0], [0.0, 1.0]], (0.2, 0.8)),  # ((0 - 1) (-1)) / (4 + 1)
        ([[1.0, 0.0], [3.0, 0.0]], (1.0, 0.0)),  # the nearer end of a segment that does not pass the origin
        ([[1.0, 0.0], [2.0, 1.0]], (1.0, 0.0)),
        ([[1.0, 0.0], [-3.0, 0.0]], (0.75, 0.25)),  # through the origin
        ([[1.0, 2.0], [1.0, 2.0]], (0.5, 0.5)),
        ([[0.0, 0.0], [1.0, 0.0]], (1.0, 0.0)),
        ([[0.0, 0.0], [0.0, 0.0]], (0.5, 0.5)),
    ],
)
def test_two_tasks_by_hand(gradients, expected, aggregate):
    _, weights = aggregate(MGDA(), gradients)
    torch.testing.assert_close(weights, torch.tensor(expected).double())


# Normalised by n the second gradient is (0, 3 / n): weights of (9 / n^2, 1) over their sum, for the gradients as they are.
@pytest.mark.parametrize(
    ("normalisation", "expected"),
    [("none", (0.9, 0.1)), ("l2", (0.5, 0.5)), ("loss", (0.5, 0.5)), ("loss+", (0.1, 0.9))],
)
def test_normalisations_by_hand(normalisation, expected, aggregate):
    gradients = [[1.0, 0.0], [0.0, 3.0]]
    direction, weights = aggregate(MGDA(normalisation=normalisation), gradients, losses=[1.0, 3.0])
    torch.testing.assert_close(weights, torch.tensor(expected).double())
    torch.testing.assert_close(direction, torch.tensor([expected[0], 3 * expected[1]]).double())


def test_three_tasks_by_hand(aggregate):
    _, weights = aggregate(MGDA(), [[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    torch.testing.assert_close(weights, torch.tensor([0.5, 0.5, 0.0]).double())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_tasks", [2, 3, 6])
@pytest.mark.parametrize("spread", [1.0, 1e4])
def test_no_task_gains_less_than_the_square_of_the_length(seed, n_tasks, spread, aggregate):
    rng = torch.Generator().manual_seed(seed)
    sizes = torch.logspace(0, 1, n_tasks, base=spread).double().unsqueeze(1)
    gradients = sizes * torch.randn(n_tasks, 8, generator=rng, dtype=torch.float64)
    direction, weights = aggregate(MGDA(), gradients)
    assert weights.min() >= 0
    assert weights.sum().item() == pytest.approx(1)
    square = direction @ direction
    assert (gradients @ direction >= square * (1 - 1e-7)).all()


@pytest.mark.parametrize("n_tasks", [2, 3, 5])
def test_is_what_frank_and_wolfe_converge_to(n_tasks, aggregate):
    for seed in range(5):
        gradients = torch.randn(n_tasks, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        _, weights = aggregate(MGDA(), gradients)
        oracle = MGDAWeighting(epsilon=1e-6, max_iters=2000)(gradients @ gradients.mT)
        torch.testing.assert_close(weights, oracle, atol=0.02, rtol=0)  # which is slow near the end
        lengths = [w @ gradients @ gradients.mT @ w for w in (weights, oracle)]
        assert lengths[0] <= lengths[1] * (1 + 1e-12), "nothing is shorter"


def test_a_hull_around_the_origin_gives_no_direction(aggregate):
    direction, _ = aggregate(MGDA(), [[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert direction.abs().max() < 1e-12


def test_order_of_the_tasks_does_not_matter(aggregate):
    gradients = torch.randn(3, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    _, expected = aggregate(MGDA(), gradients)
    for order in itertools.permutations(range(3)):
        torch.testing.assert_close(aggregate(MGDA(), gradients[list(order)])[1], expected[list(order)])


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r'Parameter `normalisation` should be one of "none", "l2", "loss", "loss\+"\.'):
        MGDA(normalisation="L2")


def test_tasks_with_one_gradient_weigh_alike_in_any_order(aggregate):
    a, b = torch.randn(2, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    _, (of_a, of_b) = aggregate(MGDA(), torch.stack([a, b]))
    for rows in ((a, b, b), (b, a, b), (b, b, a)):
        expected = [of_a.item() if row is a else of_b.item() / 2 for row in rows]
        assert aggregate(MGDA(), torch.stack(rows))[1].tolist() == pytest.approx(expected)
