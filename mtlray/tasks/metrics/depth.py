"""Absolute and relative depth error, over the set (`_global`) and as a mean of batch means (`_legacy`).

Predictions and targets are `[seed, batch, 1, row, column]` in metres; 0 is a pixel without a depth.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float64
from torch import Tensor

from mtlray.tasks.metrics.base import Totals, TotalsMetric


def _sums(prediction: Tensor, target: Tensor) -> Float64[Tensor, "seed 3"]:
    """Absolute error, relative error, number of pixels, summed over the pixels that have a depth."""
    valid = target != 0
    error = torch.where(valid, (prediction.double() - target.double()).abs(), 0)
    relative = torch.where(valid, error / target.double(), 0)
    return torch.stack([part.double().flatten(1).sum(dim=1) for part in (error, relative, valid)], dim=1)


@dataclass(frozen=True)
class _DepthMetric(TotalsMetric):
    """Totals as `_sums` has them."""

    n_totals: ClassVar[int] = 3
    higher_is_better: ClassVar[bool] = False

    def constant(self, target: Tensor) -> Tensor:
        """One depth for every pixel: the median, weighted by 1 / depth for a relative error."""
        depths = target[target != 0].double().sort().values
        if not len(depths):
            return target
        weights = depths.new_ones(len(depths)) if self.column == 0 else 1 / depths
        middle = torch.searchsorted(weights.cumsum(0), weights.sum() / 2)
        return depths[middle.clamp(max=len(depths) - 1)].expand(target.shape)


@dataclass(frozen=True)
class _OverTheSet(_DepthMetric):
    @property
    def group(self) -> str:
        return "depth over the set"

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        return kept + _sums(prediction, target)


@dataclass(frozen=True)
class DepthError(_OverTheSet):
    """Absolute error, mean over all pixels of the set that have a depth."""

    name: ClassVar[str] = "abs_error_global"
    unit: ClassVar[str] = "m"
    column: ClassVar[int] = 0


@dataclass(frozen=True)
class RelativeDepthError(_OverTheSet):
    """Absolute error over the true depth, mean over all pixels of the set that have a depth."""

    name: ClassVar[str] = "rel_error_global"
    unit: ClassVar[str] = "1"
    column: ClassVar[int] = 1


@dataclass(frozen=True)
class _OverBatches(_DepthMetric):
    """The mean over the pixels of `batch` consecutive images, mean over such batches; one without a depth does not count."""

    batch: int = 2

    @property
    def group(self) -> tuple[str, int]:
        return "depth over batches", self.batch

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        for p, t in zip(*(torch.split(x, self.batch, dim=1) for x in (prediction, target)), strict=True):
            sums = _sums(p, t)
            counts = sums[:, 2:] > 0
            means = torch.where(counts, sums / sums[:, 2:], 0)
            kept = kept + means  # its last column is 1 where the batch counts
        return kept


@dataclass(frozen=True)
class DepthErrorLegacy(_OverBatches):
    """Absolute error, mean over the pixels of a batch and then over batches, as mtan (Liu et al. 2019)."""

    name: ClassVar[str] = "abs_error_legacy"
    unit: ClassVar[str] = "m"
    column: ClassVar[int] = 0


@dataclass(frozen=True)
class RelativeDepthErrorLegacy(_OverBatches):
    """Relative error, mean over the pixels of a batch and then over batches, as mtan (Liu et al. 2019)."""

    name: ClassVar[str] = "rel_error_legacy"
    unit: ClassVar[str] = "1"
    column: ClassVar[int] = 1
