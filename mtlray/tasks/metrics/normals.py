"""The angle between predicted and true surface normals, over the set (`_global`) and as a mean of batch figures (`_legacy`).

Predictions are `[seed, batch, 3, row, column]` of any length; of targets the first three channels are read, unit vectors, and
(0, 0, 0) is a pixel without a normal.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mtlray.axes import Values
from mtlray.tasks.metrics.base import Metric, Totals, TotalsMetric
from mtlray.tasks.metrics.median import KeptValues, median

_LIMITS = (11.25, 22.5, 30.0)  # degrees


def angles(prediction: Tensor, target: Tensor) -> list[Tensor]:
    """The angle in degrees at each pixel that has a normal, one vector a seed, in float64."""
    true = target[:, :, :3].double()
    given = torch.nn.functional.normalize(prediction.double(), dim=2)
    cosine = (given * true).sum(dim=2).clamp(-1, 1)
    valid = (true != 0).any(dim=2)
    return [torch.rad2deg(torch.acos(c[v])) for c, v in zip(cosine, valid, strict=True)]


def _row(values: Tensor) -> Tensor:
    """Sum of the angles, how many are within each limit, and how many there are."""
    within = [(values < limit).sum().double() for limit in _LIMITS]
    return torch.stack([values.sum(), *within, values.new_tensor(len(values))])


@dataclass(frozen=True)
class _OverTheSet(TotalsMetric):
    """Totals as `_row` has them."""

    n_totals: ClassVar[int] = 5

    @property
    def group(self) -> str:
        return "angles over the set"

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        return kept + torch.stack([_row(values) for values in angles(prediction, target)])


@dataclass(frozen=True)
class _OverBatches(TotalsMetric):
    """Figures of the pixels of `batch` consecutive images, mean over such batches; one without a normal does not count.

    Totals: means of what `_row` has, the median, and how many batches there are.
    """

    batch: int = 2

    n_totals: ClassVar[int] = 6

    @property
    def group(self) -> tuple[str, int]:
        return "angles over batches", self.batch

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        for p, t in zip(*(torch.split(x, self.batch, dim=1) for x in (prediction, target)), strict=True):
            rows = []
            for values in angles(p, t):
                sums = _row(values)
                figures = torch.cat([sums[:-1] / sums[-1], torch.stack([median(values), values.new_ones(())])])
                rows.append(figures if len(values) else torch.zeros_like(figures))
            kept = kept + torch.stack(rows)
        return kept


class _OneDirection:
    """The constant prediction of all metrics of angles."""

    def constant(self, target: Tensor) -> Tensor:
        """The direction of the mean normal, which has the largest mean cosine."""
        true = target[:, :, :3].double()
        return true.sum(dim=(0, 1, 3, 4)).view(1, 1, 3, 1, 1).expand(true.shape)


class _Angle(_OneDirection):
    """An angle in degrees."""

    unit: ClassVar[str] = "deg"
    higher_is_better: ClassVar[bool] = False


class _Within(_OneDirection):
    """A share of the pixels in percent."""

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    bound: ClassVar[float | None] = 100.0


@dataclass(frozen=True)
class AngleMean(_Angle, _OverTheSet):
    """Mean angle over all pixels of the set that have a normal."""

    name: ClassVar[str] = "angle_mean_global"
    column: ClassVar[int] = 0


@dataclass(frozen=True)
class AngleMedian(_Angle, Metric):
    """Median angle of all pixels of the set that have a normal; keeps four bytes for each of them."""

    name: ClassVar[str] = "angle_median_global"

    def init(self, n_seeds: int, device: torch.device) -> KeptValues:
        del device
        return KeptValues.of(n_seeds)

    def update(self, kept: KeptValues, prediction: Tensor, target: Tensor) -> KeptValues:
        kept.add(angles(prediction, target))
        return kept

    def compute(self, kept: KeptValues) -> Values:
        return kept.medians()


@dataclass(frozen=True)
class Within11(_Within, _OverTheSet):
    """Share of the set's pixels within 11.25 degrees."""

    name: ClassVar[str] = "within_11_global"
    column: ClassVar[int] = 1


@dataclass(frozen=True)
class Within22(_Within, _OverTheSet):
    """Share of the set's pixels within 22.5 degrees."""

    name: ClassVar[str] = "within_22_global"
    column: ClassVar[int] = 2


@dataclass(frozen=True)
class Within30(_Within, _OverTheSet):
    """Share of the set's pixels within 30 degrees."""

    name: ClassVar[str] = "within_30_global"
    column: ClassVar[int] = 3


@dataclass(frozen=True)
class AngleMeanLegacy(_Angle, _OverBatches):
    """Mean angle of a batch, mean over batches, as mtan (Liu et al. 2019)."""

    name: ClassVar[str] = "angle_mean_legacy"
    column: ClassVar[int] = 0


@dataclass(frozen=True)
class AngleMedianLegacy(_Angle, _OverBatches):
    """Median angle of a batch, mean over batches, as mtan (Liu et al. 2019)."""

    name: ClassVar[str] = "angle_median_legacy"
    column: ClassVar[int] = 4


@dataclass(frozen=True)
class Within11Legacy(_Within, _OverBatches):
    """Share of a batch's pixels within 11.25 degrees, mean over batches, as mtan (Liu et al. 2019)."""

    name: ClassVar[str] = "within_11_legacy"
    column: ClassVar[int] = 1


@dataclass(frozen=True)
class Within22Legacy(_Within, _OverBatches):
    """Share of a batch's pixels within 22.5 degrees, mean over batches, as mtan (Liu et al. 2019)."""

    name: ClassVar[str] = "within_22_legacy"
    column: ClassVar[int] = 2


@dataclass(frozen=True)
class Within30Legacy(_Within, _OverBatches):
    """Share of a batch's pixels within 30 degrees, mean over batches, as mtan (Liu et al. 2019)."""

    name: ClassVar[str] = "within_30_legacy"
    column: ClassVar[int] = 3
