"""What all gradient-based strategies share: length of the direction, gradients of the heads, solvers, bad numbers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from mtlray.errors import SpecError, StrategyError
from mtlray.identity.codec import encode
from mtlray.strategies import AbstractAggregation, AbstractGramianWeighting, AbstractSolverWeighting, State
from mtlray.strategies.gramian import precise_gramian
from mtlray.tasks.task_losses import TaskLosses


@dataclass(frozen=True)
class Fixed(AbstractGramianWeighting):
    """Weights 0 and 2 for the two tasks."""

    scale: float = 2.0

    key: ClassVar[str] = "fixed"

    def weigh(self, gramian, losses, state):
        return torch.tensor([[0.0, self.scale]]).double().expand(gramian.shape[:2]), state


@dataclass(frozen=True)
class NoWeights(AbstractAggregation):
    key: ClassVar[str] = "no_weights"
    has_weights: ClassVar[bool] = False

    def aggregate(self, jacobian, losses, state):
        return jacobian.abs().sum(dim=1), torch.full_like(losses, torch.nan), state


@dataclass(frozen=True)
class Unsolvable(AbstractSolverWeighting):
    key: ClassVar[str] = "unsolvable"

    def solve(self, gramian):
        if gramian[0, 0] > 1:
            raise StrategyError("The first gradient is too long.")
        return np.full(2, 0.5)


def batch(gradients, n_seeds=1):
    """Two losses, linear in a trunk of two parameters and each in its head, with these gradients `[task, param]`."""
    stacked = n_seeds > 1
    shape = (n_seeds, 2) if stacked else (2,)
    trunk, *heads = (torch.ones(shape, dtype=torch.float64, requires_grad=True) for _ in range(3))
    rows = torch.tensor(gradients, dtype=torch.float64).expand(n_seeds, 2, 2)
    lead = [p if stacked else p.unsqueeze(0) for p in (trunk, *heads)]
    values = (rows @ lead[0].unsqueeze(2)).squeeze(2) + torch.stack([h.sum(dim=1) for h in lead[1:]], dim=1)
    return TaskLosses(values, [trunk], [[heads[0]], [heads[1]]], stacked, lambda: values)


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_by_default_the_direction_is_the_methods_and_heads_follow_their_losses(n_seeds):
    losses = batch([[3.0, 0.0], [0.0, 4.0]], n_seeds)
    weights, _ = Fixed().backward([losses], State())
    assert weights.tolist() == [[0.0, 2.0]] * n_seeds
    assert losses.shared[0].grad.reshape(-1, 2).tolist() == [[0.0, 8.0]] * n_seeds
    assert losses.heads[0][0].grad.reshape(-1, 2).tolist() == [[1.0, 1.0]] * n_seeds


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_match_sum_is_as_long_as_the_sum_of_the_gradients(n_seeds):
    losses = batch([[3.0, 0.0], [0.0, 4.0]], n_seeds)
    weights, _ = Fixed(grad_scale="match_sum").backward([losses], State())
    assert weights.tolist() == [[0.0, 1.25]] * n_seeds
    assert losses.shared[0].grad.reshape(-1, 2).tolist() == [[0.0, 5.0]] * n_seeds


def test_match_sum_leaves_a_direction_of_zero():
    losses = batch([[3.0, 0.0], [0.0, 4.0]])
    weights, _ = Fixed(scale=0.0, grad_scale="match_sum").backward([losses], State())
    assert weights.tolist() == [[0.0, 0.0]]
    assert losses.shared[0].grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("n_seeds", [1, 3])
@pytest.mark.parametrize(("scale", "weight"), [("native", 2.0), ("match_sum", 1.25)])
def test_weighted_heads(n_seeds, scale, weight):
    losses = batch([[3.0, 0.0], [0.0, 4.0]], n_seeds)
    Fixed(head_grad="weighted", grad_scale=scale).backward([losses], State())
    for head, expected in zip(losses.heads, (0.0, weight), strict=True):
        assert head[0].grad.reshape(-1, 2).tolist() == [[expected] * 2] * n_seeds


def test_options_are_in_the_identity_and_where_changed_in_the_label():
    assert {"grad_scale": "native", "head_grad": "unweighted"}.items() <= encode(Fixed()).items()
    assert encode(Unsolvable())["on_solver_error"] == "error"
    assert Fixed().label == "fixed"
    assert Fixed(3.0, head_grad="weighted", grad_scale="match_sum").label == (
        "fixed(grad_scale=match_sum,head_grad=weighted,scale=3)"
    )


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r'Parameter `grad_scale` should be one of "native", "match_sum"\. Found'):
        Fixed(grad_scale="sum")
    with pytest.raises(SpecError, match=r'Parameter `head_grad` should be one of "unweighted", "weighted"\. Found'):
        Fixed(head_grad="none")
    with pytest.raises(SpecError, match=r'Parameter `on_solver_error` should be one of "error", "fallback"\. Found'):
        Unsolvable(on_solver_error="ignore")
    with pytest.raises(SpecError, match='Parameter `head_grad` of NoWeights should be "unweighted"'):
        NoWeights(head_grad="weighted")


def test_a_solver_that_fails_is_an_error_unless_told_otherwise():
    strategy = Unsolvable()
    with pytest.raises(StrategyError, match=r"too long\. The trial stops here\. With `on_solver_error="):
        strategy.backward([batch([[2.0, 0.0], [0.0, 1.0]])], strategy.init([], torch.tensor([0])))


def test_the_fallback_is_the_sum_of_the_gradients_and_counted():
    strategy = Unsolvable(on_solver_error="fallback")
    jacobian = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 1.0]]])
    state = strategy.init([], torch.tensor([5, 6]))
    for count in (1, 2):
        direction, weights, state = strategy.aggregate(jacobian, torch.ones(2, 2), state)
        assert direction.tolist() == [[0.5, 0.5], [2.0, 1.0]]
        assert weights.tolist() == [[0.5, 0.5], [1.0, 1.0]]
        assert strategy.solver_fallbacks(state).tolist() == [0, count]


@pytest.mark.parametrize("bad", [torch.inf, torch.nan])
def test_a_gradient_that_is_not_finite_reaches_no_solver_and_no_other_seed(bad):
    strategy = Unsolvable()
    jacobian = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[bad, 0.0], [0.0, 1.0]]])
    direction, weights, state = strategy.aggregate(jacobian, torch.ones(2, 2), strategy.init([], torch.tensor([5, 6])))
    assert direction[0].tolist() == [0.5, 0.5]
    assert torch.isnan(direction[1]).all()
    assert torch.isnan(weights[1]).all()
    assert strategy.solver_fallbacks(state).tolist() == [0, 0]


def test_the_gramian_is_exact_where_float32_is_not():
    jacobian = torch.tensor([[[1e4, 1.0, 0.0], [1e-4, 1.0, 3e-3]]])
    expected = jacobian.double() @ jacobian.double().mT
    assert torch.equal(precise_gramian(jacobian), expected)
    wide = torch.randn(2, 3, 2**20 + 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(precise_gramian(wide), wide.double() @ wide.double().mT, rtol=1e-12, atol=0)
