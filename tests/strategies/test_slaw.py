"""Scaled loss approximate weighting, against the averages that it stands for."""

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import SLAW


def averaged(values, beta):
    """The published recursion: the arithmetic mean for 1 / (1 - beta) steps, then the moving average."""
    mean, means = torch.zeros_like(values[0]), []
    for n, value in enumerate(values, start=1):
        mean = (mean * (n - 1) + value) / n if n <= round(1 / (1 - beta)) else beta * mean + (1 - beta) * value
        means.append(mean)
    return torch.stack(means)


def test_weights_are_one_over_the_standard_deviation(follow):
    losses = 1 + torch.rand(30, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    losses *= torch.tensor([1.0, 10.0, 0.1])
    weights = follow(SLAW(beta=0.9), losses.tolist())
    deviations = (averaged(losses.square(), 0.9) - averaged(losses, 0.9).square())[1:].sqrt()
    torch.testing.assert_close(
        weights[1:], 3 / deviations / (1 / deviations).sum(dim=1, keepdim=True), rtol=1e-6, atol=0
    )


def test_starts_with_ones_and_sums_to_the_number_of_tasks(follow):
    weights = follow(SLAW(), [[3.0, 1.0], [1.0, 2.0], [2.0, 2.0]])
    torch.testing.assert_close(weights[0], torch.ones(2).double())
    torch.testing.assert_close(weights.sum(dim=1), torch.full((3,), 2.0).double())
    torch.testing.assert_close(weights[1], torch.tensor([2 / 3, 4 / 3]).double())  # deviations 1 and 1/2


def test_a_loss_that_stands_still_is_bounded_by_the_floor(follow):
    weights = follow(SLAW(floor=0.5), [[3.0, 1.0], [1.0, 1.0]])
    torch.testing.assert_close(weights[1], torch.tensor([2 / 3, 4 / 3]).double())


def test_no_cancellation_in_float32(start):
    strategy = SLAW()
    state = start(strategy, dtype=torch.float32)
    for i in range(20):  # the two averages agree in all digits of float32, their difference has none
        _, weights, state = strategy.combine(torch.tensor([[100 + 0.01 * (i % 2), 100 + 0.02 * (i % 2)]]), state)
    torch.testing.assert_close(weights, torch.tensor([[4 / 3, 2 / 3]]), rtol=1e-2, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": 1.0}, "Parameter `beta` should lie in [0, 1). Found `beta = 1.0`."),
        ({"floor": 0.0}, "Parameter `floor` should be positive. Found `floor = 0.0`."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(arguments, message):
    with pytest.raises(SpecError) as caught:
        SLAW(**arguments)
    assert str(caught.value) == message
