"""MoDo by hand, and against TorchJD's."""

import pytest
import torch
from torchjd.aggregation import MoDoWeighting

from mtlray.errors import SpecError
from mtlray.strategies import MoDo


def test_by_hand(drive):
    batches = [[[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]
    # J1 J2' = ((3, 1), (0, 2)), times (1/2, 1/2) is (2, 1); plus rho/2; minus the mean, to come back to the simplex.
    _, (weights,) = drive(MoDo(gamma=0.1, rho=0.1), batches)
    assert weights == pytest.approx([0.5 - 0.1 * 0.5, 0.5 + 0.1 * 0.5])


@pytest.mark.parametrize("strategy", [MoDo(), MoDo(gamma=0.1), MoDo(gamma=0.5, rho=0.0)], ids=lambda s: s.label)
def test_as_torchjd(drive, random_gradients, strategy):
    steps = random_gradients(6, n_batches=3)
    _, weights = drive(strategy, *steps)
    oracle = MoDoWeighting(gamma=strategy.gamma, rho=strategy.rho)
    for found, (first, second, _) in zip(weights, steps, strict=True):
        expected = oracle(torch.tensor(first).double() @ torch.tensor(second).double().T)
        torch.testing.assert_close(torch.tensor(found).double(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"gamma": 0.0}, "`gamma` should be positive"), ({"rho": -1.0}, "`rho` should not be negative")],
)
def test_refuses(fields, message):
    with pytest.raises(SpecError, match=message):
        MoDo(**fields)
