"""Gradients that vanish, coincide, cancel or differ by orders of magnitude: every strategy on gradients ends in finite numbers
or in an error that says so."""

import itertools

import pytest
import torch

from mtlray.errors import StrategyError
from mtlray.strategies import (
    IMTLG,
    MGDA,
    STRATEGIES,
    AbstractAggregation,
    AbstractSolverWeighting,
    AlignedMTL,
    CAGrad,
    ConFIG,
    ExcessMTL,
    FairGrad,
    GradDrop,
    GradVac,
    MoCo,
    NashMTL,
    PCGrad,
    UPGrad,
)
from mtlray.strategies.gramian import AbstractGramianWeighting
from mtlray.testing import TASKS
from mtlray.training.contract import initial_state

ALL = [cls() for cls in STRATEGIES if issubclass(cls, AbstractAggregation)]
ALL += [MGDA(normalisation=n) for n in ("l2", "loss", "loss+")]
ALL += [CAGrad(c=1.0), CAGrad(c=0.0), GradVac(beta=1.0), AlignedMTL(scale_mode="rmse"), FairGrad(alpha=0.5)]

u, v = torch.eye(4)[:2]
LIMITS = {
    "all zero": (0 * u, 0 * u, 0 * u),
    "one zero": (u, 0 * u, v),
    "one alone": (0 * u, 0 * u, v),
    "equal": (u + v, u + v, u + v),
    "parallel": (u, 3 * u, 0.1 * u),
    "opposite": (u + v, -u - v, u + v),
    "opposite, and another": (u, -2 * u, v),
    "around the origin": (u, v - u, -v),
    "nearly equal": (u + v, u + (1 + 1e-6) * v, u + v + 1e-6 * u),
    "nearly opposite": (u, 1e-3 * v - u, u),
    "opposite up to rounding": (u, 1e-5 * v - u, u),
    "of very different lengths": (1e-8 * (u + v), u, 1e8 * (v - u)),
    "very short": (1e-15 * u, 1e-15 * (u + v), 1e-15 * v),
    "very long": (1e15 * u, 1e15 * (u - v), 1e15 * v),
}
# Where weights that are not negative make a sum of zero, by the number of tasks: the first two or all three.
CANCEL = {("around the origin", 3)}
CANCEL |= {(f"opposite{more}", n) for more in ("", ", and another", " up to rounding") for n in (2, 3)}


def directions(strategy, jacobian, n_steps=3):
    """Directions and weights of the first steps, in the precision of the Jacobian `[seed, task, param]`."""
    n_seeds, n_tasks, n_params = jacobian.shape
    state = initial_state(strategy, TASKS[:n_tasks], range(n_seeds), jacobian.device, jacobian.dtype, n_params)
    losses, found = torch.ones(n_seeds, n_tasks).to(jacobian), []
    for _ in range(n_steps):
        direction, weights, state = strategy.aggregate(jacobian, losses, state)
        assert direction.dtype == weights.dtype == jacobian.dtype
        found.append((direction, weights))
    return found


@pytest.mark.parametrize("case", LIMITS)
@pytest.mark.parametrize("strategy", ALL, ids=lambda s: s.label)
def test_finite_or_an_error(strategy, case):
    for rows in (LIMITS[case][:2], LIMITS[case]):
        jacobian = torch.stack(rows).unsqueeze(0).float()
        if isinstance(strategy, (NashMTL, FairGrad)) and (case, len(rows)) in CANCEL:
            with pytest.raises(StrategyError, match="gradients cancel"):
                directions(strategy, jacobian)
            continue
        for direction, weights in directions(strategy, jacobian):
            assert torch.isfinite(direction).all()
            assert torch.isfinite(weights).all() or not strategy.has_weights


@pytest.mark.parametrize("strategy", [s for s in ALL if isinstance(s, AbstractSolverWeighting)], ids=lambda s: s.label)
def test_a_seed_without_a_solution_leaves_the_others_alone(strategy):
    options = {name: value for name, value in vars(strategy).items() if name != "on_solver_error"}
    strategy = type(strategy)(**options, on_solver_error="fallback")
    cancelling, ordinary = torch.stack((u, v - u, -v)), torch.stack((u, u + v, v - 0.5 * u))
    ((both, _),) = directions(strategy, torch.stack((cancelling, ordinary)).double(), 1)
    ((alone, _),) = directions(strategy, ordinary.double().unsqueeze(0), 1)
    torch.testing.assert_close(both[1:], alone)
    assert torch.isfinite(both).all()


ONE = {IMTLG: 1.0, PCGrad: 1.0, GradVac: 1.0, MGDA: 1.0, AlignedMTL: 1.0, UPGrad: 1.0, ConFIG: 1.0, CAGrad: 1.4}


@pytest.mark.parametrize("strategy", [cls() for cls in ONE], ids=lambda s: s.label)
def test_one_task_is_plain_training(strategy):
    gradient = torch.tensor([[[3.0, 4.0]]]).double()
    ((direction, weights),) = directions(strategy, gradient, 1)
    torch.testing.assert_close(direction, ONE[type(strategy)] * gradient[:, 0])
    assert weights.item() == pytest.approx(ONE[type(strategy)])


def test_one_task_of_a_bargain_and_of_a_draw():
    gradient = torch.tensor([[[3.0, 4.0]]]).double()
    expected = {NashMTL(): 1.0, NashMTL(max_norm=None): 1.0, FairGrad(): 5 ** (1 - 4 / 3), GradDrop(): 5.0}
    for strategy, length in expected.items():
        ((direction, _),) = directions(strategy, gradient, 1)
        torch.testing.assert_close(direction[0], length * gradient[0, 0] / 5)


INVARIANT = (IMTLG(), ConFIG(), NashMTL(), NashMTL(max_norm=None), MGDA(normalisation="l2"))
VARIANT = (MGDA(), PCGrad(), CAGrad(), AlignedMTL(), UPGrad(), FairGrad())


@pytest.mark.parametrize("strategy", [*INVARIANT, *VARIANT], ids=lambda s: s.label)
def test_whether_scaling_a_loss_turns_the_direction(strategy):
    jacobian = torch.randn(1, 3, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    scaled = jacobian * torch.tensor([[10.0], [1.0], [0.2]]).double()
    ((before, _),) = directions(strategy, jacobian, 1)
    if isinstance(strategy, MGDA) and strategy.normalisation == "l2":
        scaled = jacobian / jacobian.norm(dim=2, keepdim=True) * torch.tensor([[10.0], [1.0], [0.2]]).double()
        ((_, shares), (_, after)) = (directions(strategy, j, 1)[0] for j in (jacobian, scaled))
        torch.testing.assert_close(shares, after)  # its weights do not change; what they multiply does
        return
    ((after, _),) = directions(strategy, scaled, 1)
    cosine = torch.cosine_similarity(before, after).item()
    assert (cosine > 1 - 1e-9) == (strategy in INVARIANT)


@pytest.mark.parametrize("strategy", [s for s in ALL if not isinstance(s, (ExcessMTL, MoCo))], ids=lambda s: s.label)
def test_scaling_all_gradients_does_not_turn_the_direction(strategy):
    jacobian = torch.randn(1, 3, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    for (before, _), (after, _) in zip(*(directions(strategy, j) for j in (jacobian, 1e-6 * jacobian)), strict=True):
        assert torch.cosine_similarity(before, after).item() == pytest.approx(1, abs=1e-9)


def test_without_conflict_nobody_is_projected():
    jacobian = torch.rand(1, 3, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    for strategy, size in ((PCGrad(), 3.0), (UPGrad(), 1.0), (GradDrop(), 3.0), (GradDrop(leak=0.5), 3.0)):
        ((direction, _),) = directions(strategy, jacobian, 1)
        torch.testing.assert_close(direction, size * jacobian.mean(dim=1))


def test_with_two_tasks_four_methods_follow_the_bisector():
    jacobian = torch.randn(1, 2, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    bisector = (jacobian / jacobian.norm(dim=2, keepdim=True)).sum(dim=1)
    for strategy in (IMTLG(), ConFIG(), NashMTL(), FairGrad(alpha=1.0)):
        ((direction, _),) = directions(strategy, jacobian, 1)
        assert torch.cosine_similarity(direction, bisector).item() == pytest.approx(1)


@pytest.mark.parametrize("strategy", [*INVARIANT, *VARIANT[:1], *VARIANT[2:]], ids=lambda s: s.label)
def test_order_of_the_tasks_does_not_matter(strategy):
    jacobian = torch.randn(1, 3, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    ((direction, weights),) = directions(strategy, jacobian, 1)
    for order in map(list, itertools.permutations(range(3))):
        ((found, permuted),) = directions(strategy, jacobian[:, order], 1)
        torch.testing.assert_close(found, direction)
        torch.testing.assert_close(permuted, weights[:, order])


def test_cost_and_kind():
    for strategy in ALL:
        assert strategy.kind == "gradient-based"
        assert strategy.backward_passes.startswith("K")


@pytest.mark.parametrize("strategy", [s for s in ALL if isinstance(s, AbstractGramianWeighting)], ids=lambda s: s.label)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_rounding_of_a_direction_of_zero_is_not_lengthened(strategy, dtype):
    options = {name: value for name, value in vars(strategy).items() if name != "grad_scale"}
    strategy = type(strategy)(**options, grad_scale="match_sum")
    a, b = torch.randn(2, 50, generator=torch.Generator().manual_seed(2), dtype=dtype)
    for rows in ((a, -a / 3), (a, -a, b), (a, b, -a - 3 * b), (a, 0 * a, b)):
        jacobian = torch.stack(rows).unsqueeze(0)
        try:
            ((direction, weights),) = directions(strategy, jacobian, 1)
        except StrategyError:
            continue
        terms = (weights.abs().unsqueeze(2) * jacobian).norm(dim=2).sum()
        assert not direction.any() or direction.norm() > 1e-4 * terms
