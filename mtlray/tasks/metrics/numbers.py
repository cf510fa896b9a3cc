"""Metrics of predicted numbers, over the elements that are there; NaN in a target is none.

A network predicts `(target - mean) / std`, see `mtlray.tasks.masked_losses.StandardError`; errors are in the target's own units.
Targets are `[seed, batch, ...]` like predictions.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from mtlray.axes import Values
from mtlray.tasks.metrics.base import Metric
from mtlray.tasks.metrics.median import median


@dataclass(frozen=True)
class NumberMetric(Metric):
    """Sums of errors, and mean and variance of the targets, in float64, shifted by `mean` so that no digits are lost."""

    unit: str = "1"  # type: ignore[misc]
    mean: float = 0.0
    std: float = 1.0

    higher_is_better: ClassVar[bool] = False

    @property
    def group(self) -> tuple[Any, ...]:
        return "numbers", self.mean, self.std

    def init(self, n_seeds: int, device: torch.device) -> Tensor:
        return torch.zeros(n_seeds, 5, dtype=torch.float64, device=device)

    def update(self, kept: Tensor, prediction: Tensor, target: Tensor) -> Tensor:
        there = ~target.isnan()
        wanted = torch.where(there, target.double() - self.mean, 0)
        error = torch.where(there, prediction.double() * self.std - wanted, 0)
        parts = (error.abs(), error.square(), wanted, wanted.square(), there.double())
        return kept + torch.stack([part.flatten(1).sum(dim=1) for part in parts], dim=1)

    def constant(self, target: Tensor) -> Tensor:
        values = target[~target.isnan()].double()
        best = self._best(values) if len(values) else values.new_zeros(())
        return ((best - self.mean) / self.std).expand(target.shape)

    def _best(self, values: Tensor) -> Tensor:
        return values.mean()

    def scaled(self, mean: float, std: float) -> "NumberMetric":
        """The same metric of a network that predicts in units of another standard deviation."""
        return dataclasses.replace(self, mean=mean, std=std)


@dataclass(frozen=True)
class MeanAbsoluteError(NumberMetric):
    """Absolute error, mean over the elements."""

    name: ClassVar[str] = "mae"

    def compute(self, kept: Tensor) -> Values:
        return kept[:, 0] / kept[:, 4]

    def _best(self, values: Tensor) -> Tensor:
        return median(values)


@dataclass(frozen=True)
class RootMeanSquaredError(NumberMetric):
    """Root of the squared error's mean over the elements."""

    name: ClassVar[str] = "rmse"

    def compute(self, kept: Tensor) -> Values:
        return (kept[:, 1] / kept[:, 4]).sqrt()


@dataclass(frozen=True)
class R2(NumberMetric):
    """1 - squared error / squared distance from the split's own mean: 1 for a perfect prediction, 0 for the mean."""

    name: ClassVar[str] = "r2"
    higher_is_better: ClassVar[bool] = True

    @property
    def perfect(self) -> float:
        return 1.0

    def compute(self, kept: Tensor) -> Values:
        _, squares, total, total_squares, n = kept.unbind(dim=1)
        return 1 - squares / (total_squares - total.square() / n)
