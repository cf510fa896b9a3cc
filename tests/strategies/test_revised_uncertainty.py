"""Revised uncertainty weighting, by hand from its equation, and where it comes to rest."""

import math

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import RevisedUncertainty
from mtlray.testing import TASKS

SEEDS = torch.tensor([0])


@pytest.mark.parametrize("parametrisation", ["direct", "log"])
def test_by_hand(parametrisation):
    # L / (2 c^2) + ln(1 + c^2) with c = 2: weights 1/8, regulariser ln 5 for each of three tasks.
    strategy = RevisedUncertainty(parametrisation=parametrisation, initial=2.0)
    objective, weights, _ = strategy.combine(torch.tensor([[1.0, 2.0, 4.0]]), strategy.init(TASKS, SEEDS))
    torch.testing.assert_close(weights, torch.full((1, 3), 0.125))
    torch.testing.assert_close(objective, torch.tensor([7 / 8 + 3 * math.log(5)]))


def test_starts_at_one_half():
    strategy = RevisedUncertainty()
    assert strategy.combine(torch.ones(1, 3), strategy.init(TASKS, SEEDS))[1].tolist() == [[0.5, 0.5, 0.5]]


@pytest.mark.parametrize("parametrisation", ["direct", "log"])
def test_weights_come_to_rest_where_the_derivative_vanishes(parametrisation):
    losses = torch.tensor([[10.0, 2.303, 1.0, 0.5, 0.1, 0.01, 0.001, 0.0001]], dtype=torch.float64)
    strategy = RevisedUncertainty(parametrisation=parametrisation)
    state = strategy.init([TASKS[0]] * losses.shape[1], SEEDS)
    (parameter,) = state.params.values()
    parameter.data = parameter.data.double()
    optimizer = torch.optim.Rprop([parameter])
    for _ in range(200):
        optimizer.zero_grad()
        strategy.combine(losses, state)[0].sum().backward()
        optimizer.step()
    weights = strategy.combine(losses, state)[1].detach()
    variance = (losses + (losses.square() + 8 * losses).sqrt()) / 4
    torch.testing.assert_close(weights, 1 / (2 * variance), rtol=1e-3, atol=0)
    expected = torch.tensor([[0.085, 0.279, 0.5, 0.781, 2.00, 6.83, 22.1, 70.5]], dtype=torch.float64)
    torch.testing.assert_close(weights, expected, rtol=6e-3, atol=0)


def test_objective_is_never_negative():
    strategy = RevisedUncertainty()
    for c in (1e-3, 1.0, 1e3):
        state = strategy.init(TASKS, SEEDS)
        with torch.no_grad():
            state.params["c"].fill_(c)
        assert strategy.combine(torch.zeros(1, 3), state)[0].item() >= 0


def test_floor_keeps_the_sign_and_the_weight_finite():
    strategy = RevisedUncertainty(floor=0.1)
    state = strategy.init(TASKS, SEEDS)
    with torch.no_grad():
        state.params["c"].copy_(torch.tensor([[0.0, -1e-9, -0.5]]))
    _, weights, _ = strategy.combine(torch.ones(1, 3), state)
    torch.testing.assert_close(weights, torch.tensor([[50.0, 50.0, 2.0]]))


def test_floor_in_the_log_form():
    strategy = RevisedUncertainty(parametrisation="log", floor=0.1)
    state = strategy.init(TASKS, SEEDS)
    with torch.no_grad():
        state.params["log_c2"].fill_(-100)
    torch.testing.assert_close(strategy.combine(torch.ones(1, 3), state)[1], torch.full((1, 3), 50.0))


@pytest.mark.parametrize("start", [1.0, 0.0, -0.01, -1.0])
@pytest.mark.parametrize("parametrisation", ["direct", "log"])
def test_at_the_floor_the_weight_comes_back_when_the_loss_changes(parametrisation, start):
    strategy = RevisedUncertainty(parametrisation=parametrisation, floor=0.5)
    state = strategy.init(TASKS, SEEDS)
    (parameter,) = state.params.values()
    with torch.no_grad():
        parameter.fill_(start)
    optimizer = torch.optim.SGD([parameter], lr=0.05)

    def weights_after_steps_with(loss):
        losses = torch.full((1, 3), loss)
        for _ in range(600):
            optimizer.zero_grad()
            strategy.combine(losses, state)[0].sum().backward()
            optimizer.step()
        return strategy.combine(losses, state)[1].detach()

    torch.testing.assert_close(weights_after_steps_with(1e-4), torch.full((1, 3), 2.0))
    torch.testing.assert_close(weights_after_steps_with(1.0), torch.full((1, 3), 0.5), rtol=1e-3, atol=0)
    if parametrisation == "direct":
        assert (parameter < 0).all() == (start < 0), "the sign is kept"


def test_large_variances_do_not_overflow():
    strategy = RevisedUncertainty(parametrisation="log")
    state = strategy.init(TASKS, SEEDS)
    with torch.no_grad():
        state.params["log_c2"].fill_(500)  # exp(500) is not a float32
    objective, weights, _ = strategy.combine(torch.ones(1, 3), state)
    assert objective.item() == pytest.approx(1500)
    assert weights.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"parametrisation": "lg"},
            "There is no parametrisation `lg`. Did you mean `log`? Valid names: direct, log.",
        ),
        ({"initial": 0.0}, "Parameter `initial` should be positive. Found `initial = 0.0`."),
        ({"floor": 0.0}, "Parameter `floor` should be positive or None. Found `floor = 0.0`."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(arguments, message):
    with pytest.raises(SpecError) as caught:
        RevisedUncertainty(**arguments)
    assert str(caught.value) == message
