"""Momentum, periodic weights and logarithms around other strategies: by hand, and against the strategies alone."""

import pytest
import torch

from mtlray import try_out
from mtlray.errors import SpecError
from mtlray.specs.hyperparameters import require_hyperparameters
from mtlray.strategies import (
    DBMTL,
    DWA,
    EMA,
    FAMO,
    IMTL,
    IMTLG,
    MGDA,
    MGDAUB,
    STRATEGIES,
    AbstractGradientBased,
    AbstractWeighting,
    CAGrad,
    Constant,
    Equal,
    GradDrop,
    GradNorm,
    LogLosses,
    MoCo,
    MoDo,
    PCGrad,
    PeriodicWeights,
    ScaleInvariant,
    SDMGrad,
    SingleTask,
    Uncertainty,
    WeightMomentum,
)
from mtlray.testing import TASKS, StrategyConformance

LOSSES = [(2.0, 1.0), (1.0, 0.9), (0.8, 0.9), (0.5, 0.7), (0.4, 0.3)]
GRADIENTS = [(3.0, 0.0), (-1.0, 1.0)]


class TestWeightMomentum(StrategyConformance):
    strategies = (
        WeightMomentum(DWA()),
        WeightMomentum(Uncertainty(), alpha=0.5),
        WeightMomentum(FAMO()),
        WeightMomentum(CAGrad(head_grad="weighted")),
        WeightMomentum(MGDAUB(grad_scale="match_sum"), alpha=0.5),
        WeightMomentum(MoDo(gamma=0.5)),
        WeightMomentum(IMTL(head_grad="weighted")),
    )
    tolerance = 1e-7


class TestPeriodicWeights(StrategyConformance):
    strategies = (
        PeriodicWeights(DWA(), every=2),
        PeriodicWeights(FAMO(), every=3),
        PeriodicWeights(CAGrad(), every=3),
        PeriodicWeights(WeightMomentum(MGDA(head_grad="weighted")), every=2),
    )
    tolerance = 1e-7


class TestLogLosses(StrategyConformance):
    strategies = (
        LogLosses(DWA()),
        LogLosses(CAGrad()),
        LogLosses(MGDAUB()),
        LogLosses(SDMGrad()),
        LogLosses(WeightMomentum(IMTLG(), alpha=0.5)),
        LogLosses(PeriodicWeights(MGDA(), every=2)),
    )
    tolerance = 1e-7


def weighable():
    for cls in STRATEGIES:
        if issubclass(cls, AbstractWeighting) or (issubclass(cls, AbstractGradientBased) and cls.has_weights):
            if cls is SingleTask or cls.needs_representation:
                continue
            yield Constant((1.0, 2.0)) if cls is Constant else cls()


@pytest.mark.parametrize("strategy", list(weighable()), ids=lambda s: s.label)
def test_neutral_wrappers_change_nothing(strategy):
    alone = try_out(strategy, LOSSES, GRADIENTS, metrics=(0.5, 0.7))
    wrappers = [WeightMomentum(strategy, alpha=0.0)]
    wrappers += [PeriodicWeights(strategy, every=1)] if strategy.batches_per_step == 1 else []
    for wrapper in wrappers:
        found = try_out(wrapper, LOSSES, GRADIENTS, metrics=(0.5, 0.7))
        torch.testing.assert_close(found.weights, alone.weights, equal_nan=True)
        torch.testing.assert_close(found.directions, alone.directions, equal_nan=True)


@pytest.mark.parametrize("strategy", [CAGrad(), PCGrad(), DWA(temperature=0.1), MGDA()], ids=lambda s: s.label)
def test_momentum_averages_the_weights_and_makes_the_direction_of_them(strategy):
    hats = try_out(strategy, LOSSES, GRADIENTS).weights
    found = try_out(WeightMomentum(strategy, alpha=0.75), LOSSES, GRADIENTS)
    expected = [hats[0]]
    for hat in hats[1:]:
        expected.append(0.75 * expected[-1] + 0.25 * hat)
    torch.testing.assert_close(found.weights, torch.stack(expected))
    torch.testing.assert_close(found.directions, torch.stack(expected) @ torch.tensor(GRADIENTS))


def test_momentum_of_learned_weights_leaves_what_is_learned_to_its_own_objective(start):
    strategy = WeightMomentum(Uncertainty(), alpha=0.9)
    wrapped, alone = start(strategy), start(Uncertainty())
    for values in LOSSES:
        batches = [torch.tensor([values], dtype=torch.float64, requires_grad=True) for _ in range(2)]
        _, wrapped = strategy.backward([_losses(batches[0])], wrapped)
        _, alone = Uncertainty().backward([_losses(batches[1])], alone)
        for name, parameter in alone.params.items():
            torch.testing.assert_close(wrapped.params[name].grad, parameter.grad)


def _losses(values):
    from mtlray.tasks.task_losses import TaskLosses

    return TaskLosses(values * 1.0, [values], [[], []], True, lambda: values.detach())


def test_periodic_weights_stay_between_two_renewals(linear, start):
    strategy, passes = PeriodicWeights(PCGrad(), every=3), []
    state = start(strategy)
    rows = [[[3.0, 0.0], [-1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [-5.0, 1.0]], [[1.0, 0.0], [-1.0, 1.0]]]
    for gradients in rows:
        problem = linear(2, 2)
        batch = problem.losses(gradients)
        weights, state = strategy.backward([batch], state)
        state = strategy.end_step([batch], state)
        passes.append(weights[0])
        torch.testing.assert_close(
            torch.tensor(problem.direction).double(), weights[0] @ torch.tensor(gradients).double()
        )
        assert problem.of_heads == [1.0, 1.0]
    assert torch.equal(passes[0], passes[1])
    assert torch.equal(passes[1], passes[2])
    expected = try_out(PCGrad(), LOSSES[:1], rows[3]).weights[0]
    torch.testing.assert_close(passes[3], expected.double())


def test_periodic_weights_of_weighted_heads_follow_them(linear, start):
    strategy = PeriodicWeights(MGDA(head_grad="weighted"), every=5)
    state = start(strategy)
    for _ in range(2):
        problem = linear(2, 2)
        batch = problem.losses(GRADIENTS)
        weights, state = strategy.backward([batch], state)
        state = strategy.end_step([batch], state)
        assert problem.of_heads == pytest.approx(weights[0].tolist())


@pytest.mark.parametrize("strategy", [Equal(), MGDA(), CAGrad(), PCGrad()], ids=lambda s: s.label)
def test_logarithms_are_the_strategy_on_divided_gradients(strategy):
    for values in LOSSES:
        divided = [[x / (loss + 1e-8) for x in row] for loss, row in zip(values, GRADIENTS, strict=True)]
        expected = try_out(strategy, [values], divided)
        found = try_out(LogLosses(strategy), [values], GRADIENTS)
        torch.testing.assert_close(found.directions, expected.directions)
        torch.testing.assert_close(found.weights, expected.weights / (torch.tensor([values]) + 1e-8))


def test_equal_weighting_of_logarithms_is_scale_invariant():
    found, expected = (try_out(s, LOSSES, GRADIENTS) for s in (LogLosses(Equal()), ScaleInvariant()))
    torch.testing.assert_close(found.weights, expected.weights)
    torch.testing.assert_close(found.directions, expected.directions)


def test_labels_and_kinds():
    nested = LogLosses(PeriodicWeights(WeightMomentum(CAGrad(c=0.5), alpha=0.5), every=2))
    assert nested.label == "log(periodic(momentum(cagrad(c=0.5),alpha=0.5),every=2))"
    assert (nested.kind, nested.backward_passes, nested.batches_per_step) == ("gradient-based", "K", 1)
    assert LogLosses(SDMGrad()).batches_per_step == 3
    assert LogLosses(MGDAUB()).needs_representation


def test_the_states_of_nested_wrappers_are_apart(start):
    strategy = WeightMomentum(DWA(), alpha=0.5)
    nested = LogLosses(PeriodicWeights(DWA()))
    assert {"around1:weights", "around1:known"} <= set(start(strategy, 3).buffers)
    assert {"around1:weights", "around1:step"} <= set(start(nested, 3).buffers)


@pytest.mark.parametrize("strategy", [GradDrop(), DBMTL(), MoCo(), GradNorm()], ids=lambda s: s.label)
def test_refuses_what_has_no_weights(strategy):
    for wrapper in (WeightMomentum, PeriodicWeights):
        with pytest.raises(SpecError, match=f"by weights that it returns. Found `{strategy.label}`"):
            wrapper(strategy)


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r"Parameter `strategy` of LogLosses should be a strategy, such as CAGrad\(\)"):
        LogLosses("cagrad")
    with pytest.raises(SpecError, match=r"Parameter `alpha` should lie in \[0, 1\)"):
        WeightMomentum(DWA(), alpha=1.0)
    with pytest.raises(SpecError, match="Parameter `every` should be at least 1"):
        PeriodicWeights(DWA(), every=0)
    with pytest.raises(SpecError, match=r"should look at one batch a step. Found `sdmgrad`, which looks at 3\."):
        PeriodicWeights(SDMGrad())
    with pytest.raises(SpecError, match=r"should have no parameters of its own to train. Found `imtl`\."):
        PeriodicWeights(IMTL()).check(TASKS)
    with pytest.raises(SpecError, match=r"Parameter `renorm` of EMA should be True or False"):
        require_hyperparameters(LogLosses(EMA(renorm="no")))
