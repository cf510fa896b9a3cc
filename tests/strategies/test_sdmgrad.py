"""SDMGrad by hand, at its limits, and against TorchJD's."""

import pytest
import torch
from torchjd.aggregation import SDMGradWeighting

from mtlray.errors import SpecError
from mtlray.strategies import SDMGrad

ORTHOGONAL = [[1.0, 0.0], [0.0, 2.0]]


def test_one_iteration_by_hand(drive):
    # A = diag(1, 4) / 1.5^2 and aim (0.5, 0.5), so the slopes are 2/9 and 8/9; their mean, 5/9, does not count.
    _, (weights,) = drive(SDMGrad(pull=0.0, lr=0.3, iterations=1), [ORTHOGONAL] * 3)
    assert weights == pytest.approx([0.5 + 0.3 / 3, 0.5 - 0.3 / 3], rel=1e-6)


def test_without_a_pull_it_is_the_shortest_combination(drive):
    _, (weights,) = drive(SDMGrad(pull=0.0, lr=0.1, iterations=300), [ORTHOGONAL] * 3)
    assert weights == pytest.approx([0.8, 0.2], abs=1e-6)


def test_a_strong_pull_leads_to_the_mean_gradient(drive):
    _, (weights,) = drive(SDMGrad(pull=1e6), [ORTHOGONAL] * 3)
    assert weights == pytest.approx([0.5, 0.5], abs=1e-5)


@pytest.mark.parametrize(
    "strategy", [SDMGrad(), SDMGrad(pull=0.0, lr=0.5, momentum=0.0, iterations=3)], ids=lambda s: s.label
)
def test_as_torchjd(drive, random_gradients, strategy):
    steps = random_gradients(5, n_batches=3)
    _, weights = drive(strategy, *steps)
    oracle = SDMGradWeighting(strategy.lr, strategy.momentum, strategy.iterations, strategy.pull)
    for found, (first, second, _) in zip(weights, steps, strict=True):
        expected = oracle(torch.tensor(first).double() @ torch.tensor(second).double().T)
        torch.testing.assert_close(torch.tensor(found).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pull": -0.1}, "`pull` should not be negative"),
        ({"lr": 0.0}, "`lr` should be positive"),
        ({"momentum": 1.0}, r"`momentum` should lie in \[0, 1\)"),
        ({"iterations": 0}, "`iterations` should be at least 1"),
    ],
)
def test_refuses(fields, message):
    with pytest.raises(SpecError, match=message):
        SDMGrad(**fields)
