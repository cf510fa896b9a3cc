"""Excess risks by hand, and against TorchJD's."""

import math

import pytest
import torch
from torchjd.aggregation import ExcessMTLWeighting

from mtlray.errors import SpecError
from mtlray.strategies import ExcessMTL
from mtlray.testing import TASKS
from mtlray.training.contract import initial_state


def test_by_hand(drive):
    first, second = [[3.0, 4.0], [1.0, 0.0]], [[6.0, 8.0], [1.0, 0.0]]
    directions, weights = drive(ExcessMTL(step_size=1.0), first, second)
    assert weights[0] == pytest.approx([1, 1])
    assert directions[0] == pytest.approx([4, 4])
    grown = (36 / math.sqrt(45) + 64 / math.sqrt(80)) / 7, 1 / math.sqrt(2)
    sizes = [math.exp(ratio) for ratio in grown]
    expected = [2 * size / sum(sizes) for size in sizes]
    assert weights[1] == pytest.approx(expected, rel=1e-6)
    assert directions[1] == pytest.approx([6 * expected[0] + expected[1], 8 * expected[0]], rel=1e-6)


@pytest.mark.parametrize("warmup_steps", [1, 4])
def test_as_torchjd(drive, random_gradients, warmup_steps):
    steps = random_gradients(12)
    _, weights = drive(ExcessMTL(0.7, warmup_steps, "one"), *steps)
    oracle = ExcessMTLWeighting(robust_step_size=0.7, n_warmup_steps=warmup_steps)
    expected = torch.stack([oracle(torch.tensor(rows, dtype=torch.float64)) for rows in steps])
    torch.testing.assert_close(torch.tensor(weights, dtype=torch.float64), expected, rtol=1e-10, atol=0)
    assert weights[warmup_steps] != weights[warmup_steps - 1] == [pytest.approx(1 / 3)] * 3


def test_sum_of_the_weights(drive, random_gradients):
    steps = random_gradients(5)
    (directions, weights), (smaller, shares) = (drive(ExcessMTL(weights_sum=s), *steps) for s in ("n_tasks", "one"))
    for row, share in zip(weights, shares, strict=True):
        assert sum(row) == pytest.approx(3)
        assert row == pytest.approx([3 * w for w in share])
    assert directions[-1] == pytest.approx([3 * d for d in smaller[-1]])


def test_heads_follow_their_weighted_losses_unless_told_otherwise(linear, start):
    for strategy, expected in ((ExcessMTL(weights_sum="one"), 0.5), (ExcessMTL(head_grad="unweighted"), 1.0)):
        problem = linear(2, 2)
        strategy.backward([problem.losses([[3.0, 4.0], [1.0, 0.0]])], start(strategy, n_shared=2))
        assert problem.of_heads == pytest.approx([expected] * 2)
    assert ExcessMTL().label == "excess_mtl"


def test_weights_saturate_where_a_reference_vanishes(drive):
    first, second = [[0.0, 0.0], [1.0, 0.0]], [[1e10, 0.0], [1.0, 0.0]]
    _, weights = drive(ExcessMTL(step_size=1.0), first, second, second)
    assert weights[1] == weights[2] == [2.0, 0.0]


def test_one_task_is_plain_training(drive, random_gradients):
    steps = random_gradients(5, n_tasks=1)
    directions, weights = drive(ExcessMTL(step_size=1.0), *steps)
    assert weights == [[1.0]] * 5
    assert directions == [rows[0] for rows in steps]


def test_memory_is_that_of_the_trunk_for_each_task():
    state = initial_state(ExcessMTL(), TASKS, [4, 5], torch.device("cpu"), torch.float64, 7)
    assert state.buffers["squares"].shape == (2, 3, 7)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"step_size": 0.0}, "`step_size` should be positive"),
        ({"warmup_steps": 0}, "`warmup_steps` should be at least 1"),
        ({"weights_sum": "two"}, '`weights_sum` should be one of "n_tasks", "one"'),
        ({"head_grad": "none"}, "`head_grad` should be one of"),
    ],
)
def test_refuses(fields, message):
    with pytest.raises(SpecError, match=message):
        ExcessMTL(**fields)
