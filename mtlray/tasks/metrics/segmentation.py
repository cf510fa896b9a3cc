"""Mean IoU and pixel accuracy of a segmentation, over the set (`_global`) and as the code of 2019 had them (`_legacy`).

Predictions are scores `[seed, batch, class, row, column]`, targets classes `[seed, batch, row, column]`; a negative class is a
pixel without a label.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from mtlray.axes import Values
from mtlray.tasks.metrics.base import Metric, Totals, TotalsMetric, most_frequent

Labels = Int[Tensor, "seed batch row column"]
Confusion = Float64[Tensor, "... target prediction"]


def confusion(prediction: Labels, target: Labels, n_classes: int) -> Float64[Tensor, "seed batch target prediction"]:
    """How often a pixel of each class was given each class, for every image."""
    n_seeds, n_images = target.shape[:2]
    image = torch.arange(n_seeds * n_images, device=target.device).view(n_seeds, n_images, 1, 1)
    cell = (image * n_classes + target) * n_classes + prediction
    counts = torch.bincount(cell[target >= 0], minlength=n_seeds * n_images * n_classes**2)
    return counts.view(n_seeds, n_images, n_classes, n_classes).double()


def _one_class(target: Labels, n_classes: int) -> Float64[Tensor, "seed batch class row column"]:
    """Scores that give every pixel the most frequent class of the targets."""
    scores = most_frequent(target)
    scores = torch.nn.functional.pad(scores, (0, n_classes - len(scores)))
    n_seeds, n_images, *size = target.shape
    return scores.view(1, 1, -1, 1, 1).expand(n_seeds, n_images, n_classes, *size)


@dataclass(frozen=True)
class _OverTheSet(Metric):
    """One confusion matrix over all pixels of the split."""

    n_classes: int

    @property
    def group(self) -> tuple[str, int]:
        return "segmentation over the set", self.n_classes

    def init(self, n_seeds: int, device: torch.device) -> Confusion:
        return torch.zeros(n_seeds, self.n_classes, self.n_classes, dtype=torch.float64, device=device)

    def update(self, kept: Confusion, prediction: Tensor, target: Tensor) -> Confusion:
        return kept + confusion(prediction.argmax(dim=2), target, self.n_classes).sum(dim=1)

    def constant(self, target: Tensor) -> Tensor:
        return _one_class(target, self.n_classes)


@dataclass(frozen=True)
class MeanIoU(_OverTheSet):
    """Intersection over union of each class over all labelled pixels of the set, mean over the classes that occur there.

    A class that is predicted and never true counts with 0; one that is neither is left out of the mean.
    """

    name: ClassVar[str] = "miou_global"
    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    bound: ClassVar[float | None] = 100.0

    def compute(self, kept: Confusion) -> Values:
        hits = kept.diagonal(dim1=1, dim2=2)
        union = kept.sum(dim=1) + kept.sum(dim=2) - hits
        return 100 * (hits / union).nanmean(dim=1)


@dataclass(frozen=True)
class PixelAccuracy(_OverTheSet):
    """Share of the set's labelled pixels that got their class."""

    name: ClassVar[str] = "pixel_accuracy_global"
    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    bound: ClassVar[float | None] = 100.0

    def compute(self, kept: Confusion) -> Values:
        return 100 * kept.diagonal(dim1=1, dim2=2).sum(dim=1) / kept.sum(dim=(1, 2))


@dataclass(frozen=True)
class MeanIoULegacy(TotalsMetric):
    """Mean IoU as mtan (Liu et al. 2019) computed it until 2020: of each image, mean over batches of `batch` images.

    The mean of an image is over the classes that are true or predicted somewhere in it. Pixels without a label that were given
    a class enter that class's union.
    """

    n_classes: int
    batch: int = 2

    name: ClassVar[str] = "miou_legacy"
    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    bound: ClassVar[float | None] = 100.0

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        given = prediction.argmax(dim=2)
        hits = confusion(given, target, self.n_classes).diagonal(dim1=2, dim2=3)
        n_true = confusion(target.clamp(min=0), target, self.n_classes).diagonal(dim1=2, dim2=3)
        n_given = confusion(given, given, self.n_classes).diagonal(dim1=2, dim2=3)
        of_image = (hits / (n_true + n_given - hits)).nanmean(dim=2)
        return kept + sum_of_batch_means(of_image, self.batch)

    def constant(self, target: Tensor) -> Tensor:
        return _one_class(target, self.n_classes)


@dataclass(frozen=True)
class PixelAccuracyLegacy(TotalsMetric):
    """Pixel accuracy of each image, mean over batches of `batch` images; images without a label do not count."""

    n_classes: int
    batch: int = 2

    name: ClassVar[str] = "pixel_accuracy_legacy"
    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    bound: ClassVar[float | None] = 100.0

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        right = (prediction.argmax(dim=2) == target).flatten(2).sum(dim=2).double()
        return kept + sum_of_batch_means(right / (target >= 0).flatten(2).sum(dim=2), self.batch)

    def constant(self, target: Tensor) -> Tensor:
        return _one_class(target, self.n_classes)


def sum_of_batch_means(of_image: Float64[Tensor, "seed batch"], batch: int) -> Totals:
    """The sum of the means over consecutive `batch` images, and how many there are; NaN is an image without a value."""
    means = torch.stack([part.nanmean(dim=1) for part in torch.split(of_image, batch, dim=1)], dim=1)
    return torch.stack([means.nansum(dim=1), (~means.isnan()).sum(dim=1).double()], dim=1)
