"""Tracked gradients by hand, and against a plain loop over the equations."""

import numpy as np
import pytest

from mtlray.errors import SpecError
from mtlray.strategies import MoCo


def test_first_step_by_hand(drive):
    (direction,), (weights,) = drive(MoCo(), [[3.0, 4.0], [0.0, 2.0]], values=[2.0, 0.5])
    # y = 0.5 L g / |g|, so (0.6, 0.8) and (0, 0.25); slopes 0.5 (1 + 0.2) and 0.5 (0.2 + 0.0625).
    logits = np.array([0.5 - 0.1 * 0.6, 0.5 - 0.1 * 0.13125])
    share = np.exp(logits) / np.exp(logits).sum()
    assert direction == pytest.approx([0.6 * share[0], 0.8 * share[0] + 0.25 * share[1]], rel=1e-6)
    assert np.isnan(weights).all()


@pytest.mark.parametrize(
    "strategy", [MoCo(), MoCo(beta=0.99, beta_decay=0.0, gamma=2.0, gamma_decay=0.0, rho=0.3)], ids=lambda s: s.label
)
def test_as_a_loop_over_the_equations(drive, random_gradients, strategy):
    steps, losses = random_gradients(6), np.array([2.0, 0.5, 1.0])
    directions, _ = drive(strategy, *steps, values=losses.tolist())
    tracked, share = np.zeros((3, 4)), np.full(3, 1 / 3)
    for t, rows in enumerate(steps, start=1):
        unit = np.array(rows) / np.linalg.norm(rows, axis=1, keepdims=True)
        tracked -= strategy.beta * t**-strategy.beta_decay * (tracked - losses[:, None] * unit)
        slope = (tracked @ tracked.T + strategy.rho * np.eye(3)) @ share
        share = np.exp(share - strategy.gamma * t**-strategy.gamma_decay * slope)
        share /= share.sum()
        assert directions[t - 1] == pytest.approx(share @ tracked, rel=1e-6)


def test_lambda_is_in_the_curves(linear, start):
    strategy = MoCo(gamma=1.0)
    state = start(strategy, n_shared=2)
    assert {name: value.tolist() for name, value in strategy.scalars(state).items()} == {
        "lambda_0": [0.5],
        "lambda_1": [0.5],
    }
    _, state = strategy.backward([linear(2, 2).losses([[3.0, 4.0], [0.0, 2.0]], values=[2.0, 0.5])], state)
    after = strategy.scalars(state)
    assert after["lambda_0"].item() < after["lambda_1"].item(), "the longer gradient gets less weight"
    assert sum(after.values()).item() == pytest.approx(1)


def test_one_task_is_followed_along_its_average(drive):
    directions, _ = drive(MoCo(beta=0.5, beta_decay=0.0), [[3.0, 4.0]], [[3.0, 4.0]])
    assert directions == [pytest.approx([0.3, 0.4]), pytest.approx([0.45, 0.6])]


def test_a_task_without_a_gradient_is_no_division_by_zero(drive):
    directions, _ = drive(MoCo(), [[0.0, 0.0], [1.0, 0.0]])
    assert np.isfinite(directions).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"beta": 0.0}, r"`beta` should lie in \(0, 1\]"),
        ({"beta": 1.5}, r"`beta` should lie in \(0, 1\]"),
        ({"gamma": 0.0}, "`gamma` should be positive"),
        ({"beta_decay": -1.0}, "`beta_decay` should not be negative"),
        ({"gamma_decay": -1.0}, "`gamma_decay` should not be negative"),
        ({"rho": -0.1}, "`rho` should not be negative"),
        ({"head_grad": "weighted"}, "`head_grad` of MoCo"),
    ],
)
def test_refuses(fields, message):
    with pytest.raises(SpecError, match=message):
        MoCo(**fields)
