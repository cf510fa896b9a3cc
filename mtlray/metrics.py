"""Streaming metrics: totals that are exact over a whole split, never a mean of batch means.

A metric keeps one row of float64 totals for each seed; totals of two parts of a split are merged by adding them.
"""

import abc
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float64
from torch import Tensor

Totals = Float64[Tensor, "seed total"]


@dataclass(frozen=True)
class Metric(abc.ABC):
    """What is measured, in which unit, and in which direction it improves."""

    name: ClassVar[str]
    unit: ClassVar[str]
    higher_is_better: ClassVar[bool]
    n_totals: ClassVar[int] = 2

    def init(self, n_seeds: int, device: torch.device) -> Totals:
        """Totals of nothing."""
        return torch.zeros(n_seeds, self.n_totals, dtype=torch.float64, device=device)

    @abc.abstractmethod
    def update(self, totals: Totals, prediction: Tensor, target: Tensor) -> Totals:
        """Totals with a batch added; `prediction` and `target` lead with `[seed, batch]`."""

    @abc.abstractmethod
    def compute(self, totals: Totals) -> Float64[Tensor, " seed"]:
        """The metric's value from its totals."""


@dataclass(frozen=True)
class Accuracy(Metric):
    """Share of examples whose largest output is the target's class, in percent."""

    name: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True

    def update(self, totals: Totals, prediction: Tensor, target: Tensor) -> Totals:
        correct = (prediction.argmax(dim=-1) == target).sum(dim=1)
        count = torch.full_like(correct, target.shape[1])
        return totals + torch.stack([correct, count], dim=1).to(totals.dtype)

    def compute(self, totals: Totals) -> Float64[Tensor, " seed"]:
        return 100 * totals[:, 0] / totals[:, 1]


@dataclass(frozen=True)
class MeanSquaredError(Metric):
    """Squared error, mean over all elements of all examples."""

    name: ClassVar[str] = "mse"
    unit: ClassVar[str] = "1"
    higher_is_better: ClassVar[bool] = False

    def update(self, totals: Totals, prediction: Tensor, target: Tensor) -> Totals:
        squares = (prediction.double() - target.double()).square().flatten(1)
        count = torch.full_like(squares[:, 0], squares.shape[1])
        return totals + torch.stack([squares.sum(dim=1), count], dim=1)

    def compute(self, totals: Totals) -> Float64[Tensor, " seed"]:
        return totals[:, 0] / totals[:, 1]
