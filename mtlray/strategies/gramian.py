"""Strategies whose weights are a function of the inner products of the tasks' gradients, by a formula or by a solver."""

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

from mtlray.axes import Counts, Direction, Gramian, Jacobian, Losses, Seeds, Weights
from mtlray.checks import require_choice
from mtlray.errors import StrategyError
from mtlray.strategies.base import AbstractAggregation, State
from mtlray.strategies.numerics.cosines import ROUNDING
from mtlray.tasks.task import Task

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_COLUMNS = 2**20


@dataclass(frozen=True)
class AbstractGramianWeighting(AbstractAggregation):
    """A strategy that gives each task a weight from the Gramian of the tasks' gradients.

    The Gramian and all that is done with it are in float64, whatever the trial's precision: its entries are squares, and tasks
    whose gradients differ by 10^4 differ in it by 10^8. Where a loss or a gradient is not finite the weights are nan, and the
    trial ends as diverged.
    """

    @abc.abstractmethod
    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        """The weights in float64, and the state. The Gramian, in float64, and the losses are finite."""

    def aggregate(self, jacobian: Jacobian, losses: Losses, state: State) -> tuple[Direction, Weights, State]:
        gramian = precise_gramian(jacobian)
        finite = torch.isfinite(gramian).flatten(1).all(dim=1) & torch.isfinite(losses).all(dim=1)
        safe = torch.where(finite[:, None, None], gramian, torch.eye(jacobian.shape[1]).to(gramian))
        weights, state = self.weigh(safe, torch.where(finite[:, None], losses, 1.0), state)
        weights = weights.masked_fill(~finite.unsqueeze(1), torch.nan).to(jacobian)
        direction = (weights.unsqueeze(1) @ jacobian).squeeze(1)
        if self.grad_scale == "match_sum":  # which would make a whole step of rounding noise
            direction = direction.masked_fill(_is_rounding(direction, weights, safe).unsqueeze(1), 0.0)
        return direction, weights, state


@dataclass(frozen=True)
class AbstractSolverWeighting(AbstractGramianWeighting):
    """A strategy whose weights solve a small problem for which there is no formula.

    `on_solver_error` says what happens where the solver fails: "error" ends the trial as failed, "fallback" takes the sum of
    the tasks' gradients for that step and counts it. The solver runs on the CPU, one trial after the other.
    """

    on_solver_error: Literal["error", "fallback"] = field(default="error", kw_only=True)

    extra_memory: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("on_solver_error", self.on_solver_error, ("error", "fallback"))

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        del tasks
        return State(buffers={"solver_fallbacks": torch.zeros_like(seeds)})

    def solver_fallbacks(self, state: State) -> Counts:
        return state.buffers["solver_fallbacks"]

    @abc.abstractmethod
    def solve(self, gramian: Matrix) -> Vector:
        """The weights of one trial from its Gramian. Raises StrategyError where there are none or they were not found."""

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        del losses
        return self.solve_each(gramian, state)

    def solve_each(self, gramian: Gramian, state: State) -> tuple[Weights, State]:
        """`solve` for each trial of a pack, with what `on_solver_error` says."""
        weights, failed = np.ones(gramian.shape[:2]), np.zeros(len(gramian), dtype=np.int64)
        for i, matrix in enumerate(gramian.cpu().numpy()):
            try:
                weights[i] = self.solve(matrix)
            except StrategyError as error:
                if self.on_solver_error == "error":
                    raise StrategyError(
                        f'{error} The trial stops here. With `on_solver_error="fallback"` the sum of the tasks\' gradients '
                        "is taken at such a step, and such steps are counted."
                    ) from error
                failed[i] = 1
        total = state.buffers["solver_fallbacks"] + torch.from_numpy(failed).to(gramian.device)
        return torch.from_numpy(weights).to(gramian.device), state.with_buffers(solver_fallbacks=total)


def _is_rounding(direction: Direction, weights: Weights, gramian: Gramian) -> Bool[Tensor, "seed"]:
    """Whether gradients cancel, or only those have a weight that are zero, so that their sum is rounding noise."""
    lengths, precise = gramian.diagonal(dim1=1, dim2=2).sqrt(), weights.double().abs()
    terms = (precise * lengths).sum(dim=1)
    longest = precise.amax(dim=1) * lengths.amax(dim=1)
    length: Tensor = torch.linalg.vector_norm(direction.double(), dim=1)
    return length <= torch.maximum(ROUNDING * terms, 1e-12 * longest)


def clipped(weights: Vector, gramian: Matrix, max_norm: float | None) -> Vector:
    """Weights scaled down so that the direction they make is no longer than `max_norm`."""
    length = math.sqrt(max(float(weights @ gramian @ weights), 0.0))
    return weights if max_norm is None or length <= max_norm else weights * (max_norm / length)


def precise_gramian(jacobian: Jacobian) -> Gramian:
    """Inner products of the tasks' gradients in float64, without a copy of the whole Jacobian in float64."""
    first, *rest = torch.split(jacobian, _COLUMNS, dim=2)
    total = _products(first)
    for piece in rest:
        total += _products(piece)
    return total


def _products(jacobian: Jacobian) -> Gramian:
    precise = jacobian.double()
    return precise @ precise.mT


def precise_products(first: Jacobian, second: Jacobian) -> Gramian:
    """Inner products of the gradients on one batch with those on another, in float64 and without a copy of either in it."""
    pieces = zip(torch.split(first, _COLUMNS, dim=2), torch.split(second, _COLUMNS, dim=2), strict=True)
    return torch.stack([one.double() @ other.double().mT for one, other in pieces]).sum(dim=0)
