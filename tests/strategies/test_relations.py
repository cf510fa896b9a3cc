"""What strategies have in common and what tells them apart: scale at the first step, safety at the limits, equal pairs."""

import itertools

import pytest
import torch

from mtlray.strategies import (
    DWA,
    DWEMA,
    EMA,
    FAMO,
    IMTLL,
    LBTW,
    NTKMTL,
    REMA,
    RLW,
    SLAW,
    STCH,
    STRATEGIES,
    UWSO,
    AbstractWeighting,
    AdaptiveWeight,
    Constant,
    Equal,
    GeometricMean,
    GradNorm,
    NashMTL,
    RevisedUncertainty,
    ScaleInvariant,
    SingleTask,
    SoftAdapt,
    STCHMultiTask,
    Uncertainty,
)
from mtlray.tasks.task_losses import TaskLosses
from mtlray.testing import TASKS
from mtlray.training.contract import initial_state

NEEDS_ARGUMENTS = {SingleTask: SingleTask(task="left"), Constant: Constant((0.7, 1.3))}
DEFAULTS = [NEEDS_ARGUMENTS[cls] if cls in NEEDS_ARGUMENTS else cls() for cls in STRATEGIES]
SAFE = [s for s in DEFAULTS if isinstance(s, AbstractWeighting) and not isinstance(s, DWA)] + [
    EMA(cadence="epoch"),
    AdaptiveWeight(form="softmax"),
    SoftAdapt(variant="loss_weighted", n_losses=2),
    SoftAdapt(variant="normalized", n_losses=2),
    LBTW(reset="trial"),
    STCHMultiTask(warmup_epochs=0),
]

# Equal by theory on the probe below, and why.
ALIKE = {
    frozenset({ScaleInvariant(), STCHMultiTask()}): "the warm-up, longer than the probe, is the sum of the logarithms",
    frozenset({ScaleInvariant(), EMA(beta=0.0)}): "an average without memory is the loss itself",
    frozenset({STCHMultiTask(), EMA(beta=0.0)}): "both of the above",
    frozenset({NTKMTL(), NashMTL()}): "for two tasks both are the bisector, of length one",
}


def probe_losses(strategy, step, theta):
    """Losses in conflict, of unequal size, that differ from batch to batch; `theta` is `[2, 2]`, a layer."""
    noise = torch.Generator().manual_seed(step)
    centres = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[-1.0, 0.5], [1.0, -0.5]], [[1.0, 0.0], [0.0, 2.0]]])
    targets = torch.randn(3, 2, 2, generator=noise, dtype=torch.float64) * 0.3 + centres
    sizes = torch.tensor([3.0, 1.0, 0.3], dtype=torch.float64)
    trained = len(strategy.trains(TASKS[:2]))
    return (sizes * (theta - targets).square().mean(dim=(1, 2)) + 0.1)[:trained].unsqueeze(0)


# From the trunk's parameters to the representation.
STRETCH = torch.tensor([[1.0, 2.0], [0.5, 1.5]], dtype=torch.float64)


def trajectory(strategy):
    """The weights, zero where they are nan, and the trunk, `[step, number]`, over three epochs of two steps."""
    tasks = strategy.trains(TASKS[:2])
    state = initial_state(strategy, tasks, [0], torch.device("cpu"), torch.float64, 4)
    theta = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    heads = [[torch.zeros(1, dtype=torch.float64, requires_grad=True)] for _ in tasks]
    optimizer = torch.optim.SGD([theta, *state.params.values()], lr=0.05)
    path, total, number = [], torch.zeros(1, len(tasks), dtype=torch.float64), 0
    for _ in range(6):
        batches = []
        for _ in range(strategy.batches_per_step):
            zero = torch.stack([head[0] * 0 for head in heads], dim=1)

            representation = theta * STRETCH

            def values(n=number, z=representation):
                return probe_losses(strategy, n, z)

            def again(n=number):
                return probe_losses(strategy, n, theta * STRETCH)

            def success(n=number):
                return torch.exp(-values(n).detach())

            batches.append(TaskLosses(values() + zero, [theta], heads, False, again, representation, success))
            number += 1
        optimizer.zero_grad()
        step_weights, state = strategy.backward(batches, state)
        optimizer.step()
        state = strategy.end_step(batches, state)
        path.append(torch.cat([step_weights[0].nan_to_num(), theta.detach().flatten()]))
        total = total + sum(batch.values.detach() for batch in batches) / strategy.batches_per_step
        if len(path) % 2 == 0:
            state = strategy.end_epoch(total / 2, state)
            total = torch.zeros_like(total)
    return torch.stack(path)


def test_any_two_strategies_go_different_ways():
    strategies = [*DEFAULTS, EMA(beta=0.0), STCHMultiTask(warmup_epochs=0)]
    paths = {strategy: trajectory(strategy) for strategy in strategies}
    for one, other in itertools.combinations(strategies, 2):
        a, b = paths[one], paths[other]
        same = a.shape == b.shape and torch.allclose(a, b, rtol=1e-6, atol=0)
        assert same == (frozenset({one, other}) in ALIKE), f"{one.label} and {other.label}: {a} and {b}"


# Weights at the first step for losses 2 and 1/2, both of a classification; None where only the sum is known.
FIRST = {
    Equal(): (1.0, 1.0),
    Constant((0.7, 1.3)): (0.7, 1.3),
    DWA(): (1.0, 1.0),
    Uncertainty(): (1.0, 1.0),
    RevisedUncertainty(): (0.5, 0.5),
    IMTLL(): (1.0, 1.0),
    UWSO(): (0.182426, 0.817574),
    ScaleInvariant(): (0.5, 2.0),
    GeometricMean(): (0.25, 1.0),
    EMA(): (0.5, 2.0),
    REMA(): (0.5, 2.0),
    DWEMA(): (0.5, 2.0),
    AdaptiveWeight(): (1.6, 0.4),
    SoftAdapt(): (0.5, 0.5),
    LBTW(): (1.0, 1.0),
    SLAW(): (1.0, 1.0),
    STCH(): (0.339589, 0.160411),
    STCHMultiTask(): (0.5, 2.0),
    FAMO(): (0.2, 0.8),
    RLW(): None,
}


@pytest.mark.parametrize("strategy", FIRST, ids=lambda s: s.label)
def test_weights_at_the_first_step(strategy, follow):
    (weights,) = follow(strategy, [[2.0, 0.5]])
    if FIRST[strategy] is None:
        assert weights.sum().item() == pytest.approx(1)
    else:
        assert weights.tolist() == pytest.approx(FIRST[strategy], rel=1e-5)


@pytest.mark.parametrize("strategy", SAFE, ids=lambda s: s.label)
@pytest.mark.parametrize("losses", [(0.0, 1.0), (0.0, 0.0), (1e-30, 1e15), (1e15, 1e15)], ids=str)
def test_no_loss_makes_a_weight_that_is_not_finite(strategy, losses):
    tasks = strategy.trains(TASKS[:2])
    state = initial_state(strategy, tasks, [0], torch.device("cpu"), torch.float32)
    ordinary = torch.tensor([[1.0, 2.0]])[:, : len(tasks)]
    extreme = torch.tensor([losses])[:, : len(tasks)]
    for values in (ordinary, extreme, ordinary, extreme, extreme, ordinary):
        values = values.clone().requires_grad_()
        objective, weights, state = strategy.combine(values, state)
        (gradient,) = torch.autograd.grad(objective.sum(), values)
        assert torch.isfinite(objective).all()
        assert torch.isfinite(weights).all()
        assert torch.isfinite(gradient).all()
        state = strategy.end_epoch(values.detach(), state)


INVARIANT = (
    ScaleInvariant(epsilon=0.0),
    GeometricMean(epsilon=0.0),
    EMA(epsilon=0.0),
    REMA(epsilon=0.0),
    DWEMA(epsilon=0.0),
)


@pytest.mark.parametrize("strategy", [*INVARIANT, STCHMultiTask(warmup_epochs=0, epsilon=0.0)], ids=lambda s: s.label)
def test_direction_does_not_depend_on_the_scale_of_a_loss(strategy, follow):
    losses = 0.5 + torch.rand(3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    factors = torch.tensor([1.0, 100.0])
    before, after = (follow(strategy, *(losses * f).tolist()) for f in (torch.ones(2), factors))
    scaled = after * factors  # the gradient of the scaled loss is as much larger
    torch.testing.assert_close(scaled[:, 1] / scaled[:, 0], before[:, 1] / before[:, 0])


@pytest.mark.parametrize(
    "strategy",
    [Equal(), LBTW(), SLAW(), AdaptiveWeight(), UWSO(), SoftAdapt(), FAMO(), RLW(), STCH()],
    ids=lambda s: s.label,
)
def test_one_task_is_plain_training(strategy, follow):
    weights = follow(strategy, [[2.0], [1.0]], [[0.5], [0.25]])
    torch.testing.assert_close(weights, torch.ones(4, 1).double())


def test_every_strategy_is_labelled():
    for cls in STRATEGIES:
        assert cls.faithfulness in ("faithful", "reading", "reconstruction")
        assert cls.source, f"{cls.key} names no source"
    assert {c.key for c in STRATEGIES if c.faithfulness == "reconstruction"} >= {
        "ema",
        "rema",
        "dwema",
        "adaptive_weight",
    }
    assert all("reconstruction" in c.source for c in STRATEGIES if c.faithfulness == "reconstruction")
    assert len({c.key for c in STRATEGIES}) == len(STRATEGIES)


@pytest.mark.parametrize("strategy", DEFAULTS, ids=lambda s: s.label)
def test_a_strategy_with_state_says_what_it_holds(strategy):
    tasks = strategy.trains(TASKS[:2])
    state = initial_state(strategy, tasks, [0], torch.device("cpu"), torch.float64)
    if state.params or state.buffers:
        assert strategy.extra_memory != "—"
    assert not any(letter in strategy.extra_memory for letter in "abcdefghijklmnopqrstuvwxyz"), "a term in K and P"


def test_gradnorm_is_not_loss_based():
    assert GradNorm.kind == "gradient-based"
