"""What MoDo and SDMGrad share: weights from two mini-batches, the direction from the third, the heads from all."""

import pytest
import torch

from mtlray.strategies import MoDo, SDMGrad
from mtlray.strategies.gramian import precise_products

FIRST, SECOND, THIRD = [[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [1.0, 1.0]], [[5.0, 0.0], [0.0, 7.0]]


@pytest.mark.parametrize("strategy", [MoDo(gamma=0.1), SDMGrad(lr=0.1)], ids=lambda s: s.label)
def test_the_third_batch_is_followed(drive, strategy):
    (direction,), (weights,) = drive(strategy, [FIRST, SECOND, THIRD])
    assert direction == pytest.approx([5 * weights[0], 7 * weights[1]])
    assert sum(weights) == pytest.approx(1)
    _, (same,) = drive(strategy, [FIRST, SECOND, [[0.0, 1.0], [1.0, 1.0]]])
    assert same == weights, "weights do not see the third batch"
    for other in ([SECOND, SECOND, THIRD], [FIRST, FIRST, THIRD]):
        assert drive(strategy, other)[1][0] != pytest.approx(weights), "and see both of the others"


@pytest.mark.parametrize("strategy", [MoDo(gamma=0.1), SDMGrad(lr=0.1)], ids=lambda s: s.label)
def test_heads_follow_the_mean_of_their_losses_over_the_batches(linear, start, strategy):
    for head_grad in ("unweighted", "weighted"):
        chosen, problem = type(strategy)(head_grad=head_grad), linear(2, 2)
        batches = [problem.losses(rows, of_heads=h) for rows, h in ((FIRST, 1.0), (SECOND, 2.0), (THIRD, 6.0))]
        weights, _ = chosen.backward(batches, start(chosen))
        expected = [3.0, 3.0] if head_grad == "unweighted" else (3 * weights[0]).tolist()
        assert problem.of_heads == pytest.approx(expected)


@pytest.mark.parametrize("strategy", [MoDo(gamma=0.1), SDMGrad(lr=0.1)], ids=lambda s: s.label)
def test_one_task_is_plain_training(drive, random_gradients, strategy):
    steps = random_gradients(3, n_tasks=1, n_batches=3)
    directions, weights = drive(strategy, *steps)
    assert weights == [[pytest.approx(1)]] * 3
    assert directions == [pytest.approx(batches[2][0]) for batches in steps]


def test_products_are_precise():
    rng = torch.Generator().manual_seed(0)
    first, second = (torch.randn(2, 3, 2**20 + 5, generator=rng) for _ in range(2))
    expected = first.double() @ second.double().mT
    torch.testing.assert_close(precise_products(first, second), expected, rtol=1e-10, atol=1e-8)
