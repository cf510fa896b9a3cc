"""NTKMTL, DiBS, DualProj and IMTL against oracles written from their equations, on gradients at the limits too."""

import numpy as np
import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import IMTL, IMTLG, NTKMTL, DiBS, DualProj, State

A, B, C = np.random.Generator(np.random.PCG64(0)).standard_normal((3, 6))


def problems():
    rng = np.random.Generator(np.random.PCG64(1))
    for n_tasks in (2, 3, 8):
        yield f"{n_tasks} tasks", rng.standard_normal((n_tasks, 12)) * np.logspace(0, -4, n_tasks)[:, None]
    yield from {"twins": (A, A, B), "opposite": (A, -A, B), "a zero": (A, 0 * A, B), "one": (A,)}.items()


PROBLEMS = {name: np.array(rows) for name, rows in problems()}
every_problem = pytest.mark.parametrize("gradients", PROBLEMS.values(), ids=PROBLEMS)


def ntk(gradients, exponent):
    squares = (gradients**2).sum(axis=1)
    return np.array([(squares.sum() / s) ** exponent if s else 0.0 for s in squares])


def bargain(gradients, n_steps):
    """The bargain itself, with the step as a vector."""
    lengths = np.sqrt((gradients**2).sum(axis=1))
    unit = [g / n if n else None for g, n in zip(gradients, lengths, strict=True)]
    step, total = np.zeros(gradients.shape[1]), np.zeros(len(gradients))
    for _ in range(n_steps):
        pull = np.array([0.0 if u is None else np.linalg.norm(step + u) for u in unit])
        total += pull
        step = step - sum(p * u for p, u in zip(pull, unit, strict=True) if u is not None) / n_steps
        if np.linalg.norm(step) > 1:
            break
    return np.divide(total / n_steps, lengths, out=np.zeros_like(lengths), where=lengths > 0)


@every_problem
@pytest.mark.parametrize("exponent", [0.0, 0.5, 0.75])
def test_ntkmtl_is_its_equation(gradients, exponent, aggregate):
    expected = torch.from_numpy(ntk(gradients, exponent))
    direction, weights = aggregate(NTKMTL(exponent=exponent, max_norm=None), gradients)
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(direction, expected @ torch.from_numpy(gradients))


@every_problem
def test_ntkmtl_is_bounded(gradients, aggregate):
    free, _ = aggregate(NTKMTL(max_norm=None), gradients)
    for bound in (0.5, 1e6):
        direction, _ = aggregate(NTKMTL(max_norm=bound), gradients)
        torch.testing.assert_close(direction, free * min(1.0, bound / free.norm().item()))


def test_at_one_half_every_share_of_ntkmtl_has_the_same_length(aggregate):
    gradients = PROBLEMS["8 tasks"]
    _, weights = aggregate(NTKMTL(max_norm=None), gradients)
    shares = weights * torch.from_numpy(gradients).norm(dim=1)
    torch.testing.assert_close(shares, shares[:1].expand(8))


@every_problem
@pytest.mark.parametrize("n_steps", [1, 2, 5, 20])
def test_dibs_is_its_bargain(gradients, n_steps, aggregate):
    expected = torch.from_numpy(bargain(gradients, n_steps))
    torch.testing.assert_close(aggregate(DiBS(n_steps=n_steps), gradients)[1], expected)


@every_problem
def test_one_step_of_dibs_is_the_sum_of_the_unit_gradients(gradients, aggregate):
    rows = torch.from_numpy(gradients)
    torch.testing.assert_close(aggregate(DiBS(), gradients)[0], torch.nn.functional.normalize(rows, dim=1).sum(dim=0))


@every_problem
def test_dualproj_is_the_nearest_direction_that_raises_no_loss(gradients, aggregate):
    direction, weights = aggregate(DualProj(), gradients)
    rows = torch.from_numpy(gradients)
    lengths = rows.norm(dim=1)
    assert (rows @ direction >= -1e-10 * lengths * direction.norm() - 1e-15).all()
    assert (weights >= 1 / len(rows) - 1e-12).all()
    # Weights above 1/K, on gradients along which nothing is gained, are what makes no other direction nearer to the mean.
    added = (weights - 1 / len(rows)) * lengths
    assert (added * (rows @ direction)).abs().max() <= 1e-10 * lengths.max() ** 3


def test_dualproj_by_hand(aggregate):
    direction, weights = aggregate(DualProj(), [[1.0, 0.0], [-3.0, 1.0]])
    assert direction.tolist() == pytest.approx([0.0, 0.5])
    assert weights.tolist() == pytest.approx([1.5, 0.5])


def test_imtl_is_its_two_parts(linear, start):
    # Two steps by hand: scales that follow e^s L - 1, a direction of IMTL-G on the scaled gradients, heads by their scales.
    strategy, rows, values = IMTL(), [[3.0, 0.0], [-1.0, 1.0]], [2.0, 0.5]
    state = start(strategy)
    for expected in ([0.0, 0.0], [-0.1, 0.05]):
        problem = linear(2, 2)
        scales = torch.tensor([expected]).double().exp()
        torch.testing.assert_close(state.params["log_scale"].detach().exp(), scales)
        weights, state = strategy.backward([problem.losses(rows, values)], state)
        scaled = scales.T * torch.tensor(rows).double()
        shares, _ = IMTLG().weigh((scaled @ scaled.T)[None], scales, State())
        torch.testing.assert_close(weights, shares * scales)
        torch.testing.assert_close(torch.tensor([problem.direction]).double(), weights @ torch.tensor(rows).double())
        assert problem.of_heads == pytest.approx(scales[0].tolist())
        scale = state.params["log_scale"]
        torch.testing.assert_close(scale.grad, scales * torch.tensor([values]).double() - 1)
        state.params["log_scale"] = (scale - 0.1 * scale.grad).detach().requires_grad_()


def test_imtl_has_imtl_gs_direction_whatever_the_scales(linear, start):
    strategy, rows = IMTL(head_grad="weighted"), [[3.0, 0.0], [-1.0, 1.0]]
    state = start(strategy)
    state.params["log_scale"] = torch.tensor([[2.0, -1.0]]).double().requires_grad_()
    problem = linear(2, 2)
    weights, _ = strategy.backward([problem.losses(rows)], state)
    assert problem.of_heads == pytest.approx(weights[0].tolist())
    direction = torch.tensor(problem.direction)
    units = torch.nn.functional.normalize(torch.tensor(rows), dim=1)
    assert (units @ direction).tolist() == pytest.approx([(units[0] @ direction).item()] * 2)


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match="Parameter `exponent` should not be negative"):
        NTKMTL(exponent=-1.0)
    with pytest.raises(SpecError, match="Parameter `max_norm` should be positive or None"):
        NTKMTL(max_norm=0.0)
    with pytest.raises(SpecError, match="Parameter `n_steps` should be at least 1"):
        DiBS(n_steps=0)
