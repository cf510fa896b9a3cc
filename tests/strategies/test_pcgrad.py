"""PCGrad: projections by hand, its random order, and TorchJD's where the order does not matter."""

import itertools

import pytest
import torch
from torchjd.aggregation import PCGradWeighting

from mtlray.randomness import generator
from mtlray.strategies import PCGrad
from mtlray.testing import TASKS
from mtlray.training.contract import initial_state


def by_definition(gradients, orders):
    total = torch.zeros_like(gradients[0])
    for i, order in enumerate(orders):
        changed = gradients[i].clone()
        for j in order:
            product = changed @ gradients[j]
            if product < 0:
                changed = changed - product / (gradients[j] @ gradients[j]) * gradients[j]
        total = total + changed
    return total


def test_two_tasks_by_hand(aggregate):
    # g1 . g2 = -1: (1, 0) loses -1/2 of (-1, 1), and (-1, 1) loses -1 of (1, 0).
    direction, weights = aggregate(PCGrad(), [[1.0, 0.0], [-1.0, 1.0]])
    assert weights.tolist() == [2.0, 1.5]
    assert direction.tolist() == [0.5, 1.5]


def test_without_conflict_it_is_the_sum(aggregate):
    direction, weights = aggregate(PCGrad(), [[1.0, 0.0, 0.0], [0.5, 1.0, 0.0], [0.0, 1.0, 2.0]])
    assert weights.tolist() == [1.0, 1.0, 1.0]
    assert direction.tolist() == [1.5, 2.0, 2.0]


def test_opposite_gradients_cancel_and_no_gradient_does_nothing(aggregate):
    assert aggregate(PCGrad(), [[1.0, 2.0], [-2.0, -4.0]])[0].tolist() == [0.0, 0.0]
    assert aggregate(PCGrad(), [[1.0, 2.0], [0.0, 0.0]])[0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("seed", range(5))
def test_is_torchjds_for_two_tasks(seed, aggregate):
    gradients = torch.randn(2, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    with torch.random.fork_rng(devices=[]):
        torch.testing.assert_close(aggregate(PCGrad(), gradients)[1], PCGradWeighting()(gradients @ gradients.mT))


def test_each_step_has_orders_of_its_own_from_the_trials_stream():
    gradients = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    all_orders = list(itertools.product(*(itertools.permutations(set(range(3)) - {i}) for i in range(3))))
    possible = torch.stack([by_definition(gradients[0], orders) for orders in all_orders])
    strategy, found = PCGrad(), []
    state = initial_state(strategy, TASKS, [7], torch.device("cpu"), torch.float64)
    for step in range(12):
        stream = generator(7, "strategy", step)
        orders = []
        for i in range(3):
            order = torch.randperm(2, generator=stream)
            orders.append((order + (order >= i)).tolist())
        direction, _, state = strategy.aggregate(gradients, torch.ones(1, 3).double(), state)
        torch.testing.assert_close(direction[0], by_definition(gradients[0], orders))
        found.append(direction[0])
    ways = {int((possible - d).abs().sum(dim=1).argmin()) for d in found}
    assert len(ways) > 1, "the order changes from step to step"


def test_seeds_of_a_pack_have_orders_of_their_own():
    gradients = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    state = initial_state(PCGrad(), TASKS, range(20), torch.device("cpu"), torch.float64)
    directions, _, _ = PCGrad().aggregate(gradients.expand(20, 3, 4), torch.ones(20, 3).double(), state)
    assert len({tuple(d) for d in directions.tolist()}) > 1
