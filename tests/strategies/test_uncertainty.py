"""Uncertainty weighting, by hand from its equation, against TorchJD, and where it comes to rest."""

import math

import pytest
import torch
import torchjd.scalarization

from mtlray.errors import SpecError
from mtlray.strategies import Uncertainty
from mtlray.tasks.task import Task
from mtlray.testing import TASKS

SEEDS = torch.tensor([0])


def with_log_variance(strategy, value, tasks=TASKS):
    state = strategy.init(tasks, SEEDS)
    with torch.no_grad():
        state.params["log_variance"].fill_(value)
    return state


def test_factors_follow_the_likelihood():
    # Two classifications, exp(-s) L + s/2, and a regression, exp(-s) L / 2 + s/2, at s = log 2.
    strategy = Uncertainty()
    objective, weights, _ = strategy.combine(torch.tensor([[1.0, 2.0, 4.0]]), with_log_variance(strategy, math.log(2)))
    torch.testing.assert_close(weights, torch.tensor([[0.5, 0.5, 0.25]]))
    torch.testing.assert_close(objective, torch.tensor([0.5 + 1 + 1 + 1.5 * math.log(2)]))


def test_laplace_form():
    strategy = Uncertainty(form="laplace")
    objective, weights, _ = strategy.combine(torch.tensor([[1.0, 2.0, 4.0]]), with_log_variance(strategy, math.log(2)))
    torch.testing.assert_close(weights, torch.full((1, 3), 0.5))
    torch.testing.assert_close(objective, torch.tensor([3.5 + 3 * math.log(2)]))


@pytest.mark.parametrize(
    ("name", "weight", "offset"),
    [  # the weight and the objective's slope in s that each implementation starts with
        ("mtan", 0.5 * math.exp(0.5), 0.5),
        ("auto_lambda", 0.5 * math.exp(0.7), 0.5),
        ("libmtl", 0.5 * math.exp(0.5), 0.5),
        ("nash_mtl", 0.5, 0.5),
        ("torchjd", 0.5, 0.5),
        ("samsung_mtl", 1.0, 0.5),
        ("gal", 1.0, 1.0),
        ("allweights", math.exp(-1), 1.0),
    ],
)
def test_presets(name, weight, offset):
    strategy = Uncertainty.preset(name)
    state = strategy.init(TASKS, SEEDS)
    losses = torch.zeros(1, 3)
    objective, weights, _ = strategy.combine(losses, state)
    torch.testing.assert_close(weights, torch.full((1, 3), weight))
    (slope,) = torch.autograd.grad(objective.sum(), state.params["log_variance"])
    torch.testing.assert_close(slope, torch.full((1, 3), offset))


def test_agrees_with_torchjd():
    strategy, theirs = Uncertainty.preset("torchjd"), torchjd.scalarization.UW(3).double()
    state = strategy.init(TASKS, SEEDS)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        state.params["log_variance"].data = torch.randn(1, 3, generator=rng, dtype=torch.float64)
        theirs.log_var.copy_(state.params["log_variance"][0])
    losses = torch.rand(1, 3, generator=rng, dtype=torch.float64)
    objective, expected = strategy.combine(losses, state)[0], theirs(losses[0])
    torch.testing.assert_close(objective, expected.unsqueeze(0), rtol=0, atol=1e-14)
    (ours,) = torch.autograd.grad(objective.sum(), state.params["log_variance"])
    (reference,) = torch.autograd.grad(expected, theirs.log_var)
    torch.testing.assert_close(ours[0], reference, rtol=0, atol=1e-14)


@pytest.mark.parametrize("form", ["gaussian", "categorical", "laplace"])
def test_weights_come_to_rest_at_one_over_twice_the_loss(form):
    losses = torch.tensor([[10.0, 2.303, 1.0, 0.5, 0.1, 0.01, 0.001, 0.0001]], dtype=torch.float64)
    strategy = Uncertainty(form=form)
    task = TASKS[0]
    state = strategy.init([task] * losses.shape[1], SEEDS)
    state.params["log_variance"].data = state.params["log_variance"].data.double()
    optimizer = torch.optim.Rprop(state.params.values())
    for _ in range(200):
        optimizer.zero_grad()
        strategy.combine(losses, state)[0].sum().backward()
        optimizer.step()
    expected = torch.tensor([[0.05, 0.2171, 0.5, 1, 5, 50, 500, 5000]], dtype=torch.float64)
    if form == "laplace":  # 1 / L, twice the others
        expected = 2 * expected
    torch.testing.assert_close(strategy.combine(losses, state)[1].detach(), expected, rtol=1e-3, atol=0)


def test_limit_bounds_the_log_variance():
    strategy = Uncertainty(form="categorical", log_variance_limit=1.0)
    for value, bound in ((-50.0, -1.0), (50.0, 1.0)):
        _, weights, _ = strategy.combine(torch.ones(1, 3), with_log_variance(strategy, value))
        torch.testing.assert_close(weights, torch.full((1, 3), math.exp(-bound)))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_at_the_limit_the_log_variance_comes_back_when_the_loss_changes(momentum):
    strategy = Uncertainty(form="categorical", log_variance_limit=1.0)
    state = strategy.init(TASKS, SEEDS)
    optimizer = torch.optim.SGD(state.params.values(), lr=0.05, momentum=momentum)

    def weights_after_steps_with(loss):
        losses = torch.full((1, 3), loss)
        for _ in range(600):
            optimizer.zero_grad()
            strategy.combine(losses, state)[0].sum().backward()
            optimizer.step()
        return strategy.combine(losses, state)[1].detach()

    torch.testing.assert_close(weights_after_steps_with(1e-4), torch.full((1, 3), math.exp(1)))
    torch.testing.assert_close(weights_after_steps_with(0.5), torch.ones(1, 3), rtol=1e-3, atol=0)
    torch.testing.assert_close(weights_after_steps_with(10.0), torch.full((1, 3), math.exp(-1)))
    torch.testing.assert_close(weights_after_steps_with(0.5), torch.ones(1, 3), rtol=1e-3, atol=0)


def test_beyond_the_limit_only_the_gradient_that_leads_back_counts():
    strategy = Uncertainty(form="categorical", log_variance_limit=1.0)
    for value, loss, slope in ((-3.0, 0.0, 0.0), (-3.0, 1.0, 0.5 - math.e), (3.0, 0.0, 0.5), (3.0, 10.0, 0.0)):
        state = with_log_variance(strategy, value)
        strategy.combine(torch.full((1, 3), loss), state)[0].sum().backward()
        torch.testing.assert_close(state.params["log_variance"].grad, torch.full((1, 3), slope))


def test_within_the_limit_nothing_changes():
    losses = torch.tensor([[1.0, 2.0, 4.0]])
    found = []
    for strategy in (Uncertainty(), Uncertainty(log_variance_limit=1.0)):
        state = with_log_variance(strategy, 0.3)
        objective, weights, _ = strategy.combine(losses, state)
        objective.sum().backward()
        found.append((objective.tolist(), weights.tolist(), state.params["log_variance"].grad.tolist()))
    assert found[0] == found[1]


def test_large_losses_do_not_overflow():
    strategy = Uncertainty()
    objective, weights, _ = strategy.combine(torch.full((1, 3), 1e30), strategy.init(TASKS, SEEDS))
    assert torch.isfinite(objective).all()
    assert torch.isfinite(weights).all()


def test_task_without_likelihood_needs_a_form():
    tasks = [TASKS[0], Task(name="rank", likelihood="none", output_shape=(1,), loss=TASKS[0].loss, metrics=())]
    Uncertainty(form="gaussian").check(tasks)
    with pytest.raises(SpecError) as caught:
        Uncertainty().check(tasks)
    assert str(caught.value) == (
        "Uncertainty weighting needs a likelihood for each task. Found none for rank. "
        'Declare it in the data set\'s tasks, or prescribe one with `Uncertainty(form="gaussian")`.'
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Uncertainty(form="gausian"),
            "There is no form of uncertainty weighting `gausian`. Did you mean `gaussian`? "
            "Valid names: categorical, gaussian, laplace, task.",
        ),
        (
            lambda: Uncertainty.preset("mtn"),
            "There is no preset of uncertainty weighting `mtn`. Did you mean `mtan`? Valid names: "
            "allweights, auto_lambda, gal, libmtl, mtan, nash_mtl, samsung_mtl, torchjd.",
        ),
        (
            lambda: Uncertainty(log_variance_limit=0.0),
            "Parameter `log_variance_limit` should be positive or None. Found `log_variance_limit = 0.0`.",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(make, message):
    with pytest.raises(SpecError) as caught:
        make()
    assert str(caught.value) == message
