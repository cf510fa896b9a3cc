"""Constant weights and the grid of them."""

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import Constant, simplex_grid
from mtlray.testing import TASKS


def test_weights_are_used_as_given(start):
    strategy = Constant((0.3, 1.7))
    objective, weights, _ = strategy.combine(torch.tensor([[2.0, 10.0]]).double(), start(strategy))
    torch.testing.assert_close(objective, torch.tensor([17.6]).double())
    torch.testing.assert_close(weights, torch.tensor([[0.3, 1.7]]).double())


def test_labels():
    assert Constant((1.0, 0.5)).label == "constant(1,0.5)"
    assert Constant((0.1234567, 1.0)).label != Constant((0.1234568, 1.0)).label


def test_grid_for_two_tasks_is_the_usual_one():
    found = [strategy.weights for strategy in simplex_grid(2, 9)]
    assert found == [pytest.approx((2 * i / 10, 2 - 2 * i / 10)) for i in range(1, 10)]
    assert Constant((1.0, 1.0)) in simplex_grid(2, 9)


@pytest.mark.parametrize(("n_tasks", "points", "count"), [(2, 1, 1), (3, 4, 10), (4, 3, 10)])
def test_grid_covers_the_simplex(n_tasks, points, count):
    grid = simplex_grid(n_tasks, points)
    assert len(grid) == len(set(grid)) == len({strategy.label for strategy in grid}) == count
    for strategy in grid:
        assert sum(strategy.weights) == pytest.approx(n_tasks)
        assert min(strategy.weights) > 0
    assert len({round(strategy.weights[0], 9) for strategy in grid}) == points


def test_check_counts_the_weights():
    Constant((1.0, 2.0, 3.0)).check(TASKS)
    with pytest.raises(SpecError) as caught:
        Constant((1.0, 2.0)).check(TASKS)
    assert str(caught.value) == (
        "Parameter `weights` should have one number for each of the 3 tasks (left, right, scale). "
        "Found `weights = (1.0, 2.0)`."
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Constant((1.0, -1.0)), "Parameter `weights` should hold finite numbers, none of them negative."),
        (
            lambda: Constant((1.0, float("inf"))),
            "Parameter `weights` should hold finite numbers, none of them negative.",
        ),
        (lambda: Constant((0.0, 0.0)), "Parameter `weights` should not all be zero. Found `weights = (0.0, 0.0)`."),
        (lambda: Constant(()), "Parameter `weights` should not all be zero. Found `weights = ()`."),
        (lambda: simplex_grid(1, 3), "Parameter `n_tasks` should be at least 2. Found `n_tasks = 1`."),
        (lambda: simplex_grid(2, 0), "Parameter `points` should be at least 1. Found `points = 0`."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(call, message):
    with pytest.raises(SpecError) as caught:
        call()
    assert str(caught.value).startswith(message)
