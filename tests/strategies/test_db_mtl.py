"""Dual balancing by hand, and against a plain loop over the equations."""

import numpy as np
import pytest

from mtlray.errors import SpecError
from mtlray.strategies import DBMTL

GRADIENTS = [[3.0, 4.0], [0.0, 1.0]]


def test_without_an_average_by_hand(linear, start):
    strategy, problem = DBMTL(beta=0.0), linear(2, 2)
    weights, _ = strategy.backward([problem.losses(GRADIENTS, values=[2.0, 0.5])], start(strategy, n_shared=2))
    # Gradients of the logarithms: (1.5, 2) of length 2.5, and (0, 2), which gets that length.
    assert problem.direction == pytest.approx([1.5, 4.5])
    assert weights[0].tolist() == pytest.approx([0.5, 2.5])
    assert problem.of_heads == pytest.approx([0.5, 2.0]), "heads follow the logarithms, not scaled"


def test_with_an_average_weights_are_not_known(drive):
    directions, weights = drive(DBMTL(), GRADIENTS, GRADIENTS, values=[2.0, 0.5])
    assert np.isnan(weights).all()
    assert directions[0] == pytest.approx([0.15, 0.45])
    assert directions[1] == pytest.approx([0.285, 0.855])


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_as_a_loop_over_the_equations(drive, random_gradients, decay):
    steps, losses = random_gradients(6), np.array([2.0, 0.5, 1.0])
    directions, _ = drive(DBMTL(beta_decay=decay), *steps, values=losses.tolist())
    average = np.zeros((3, 4))
    for t, rows in enumerate(steps, start=1):
        gradients = np.array(rows) / losses[:, None]
        average = gradients + 0.9 * t**-decay * (average - gradients)
        lengths = np.linalg.norm(average, axis=1)
        assert directions[t - 1] == pytest.approx((lengths.max() / lengths) @ average, rel=1e-6)


def test_scale_of_a_loss_does_not_matter(drive, random_gradients):
    steps, factors = random_gradients(4), [10.0, 1.0, 0.2]
    scaled = [[[f * g for g in row] for f, row in zip(factors, rows, strict=True)] for rows in steps]
    plain, _ = drive(DBMTL(), *steps)
    found, _ = drive(DBMTL(), *scaled, values=factors)
    np.testing.assert_allclose(found, plain, rtol=1e-6)


def test_match_sum_is_as_long_as_the_sum_of_the_gradients_themselves(drive):
    (direction,), _ = drive(DBMTL(grad_scale="match_sum"), GRADIENTS, values=[2.0, 0.5])
    assert np.linalg.norm(direction) == pytest.approx(np.hypot(3, 5))
    assert direction[1] / direction[0] == pytest.approx(3)


def test_one_task_follows_its_logarithm(drive):
    (direction,), ((weight,),) = drive(DBMTL(beta=0.0), [[3.0, 4.0]], values=[2.0])
    assert direction == pytest.approx([1.5, 2.0])
    assert weight == pytest.approx(0.5)


def test_a_task_without_a_gradient_is_no_division_by_zero(drive):
    (direction,), _ = drive(DBMTL(beta=0.0), [[0.0, 0.0], [1.0, 0.0]])
    assert direction == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"beta": 1.0}, r"`beta` should lie in \[0, 1\)"),
        ({"beta_decay": -1.0}, "`beta_decay` should not be negative"),
        ({"head_grad": "weighted"}, "`head_grad` of DBMTL"),
    ],
)
def test_refuses(fields, message):
    with pytest.raises(SpecError, match=message):
        DBMTL(**fields)
