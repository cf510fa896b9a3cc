"""Metrics of one class an example, over the examples with a label, from one confusion matrix over the whole split."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float64
from torch import Tensor

from mtlray.axes import Values
from mtlray.tasks.metrics.base import Metric, most_frequent

Confusion = Float64[Tensor, "seed target prediction"]


@dataclass(frozen=True)
class _OfClasses(Metric):
    """Counts of each true class given each class; a negative target is no label."""

    n_classes: int

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    bound: ClassVar[float | None] = 100.0

    @property
    def group(self) -> tuple[str, int]:
        return "classes", self.n_classes

    def init(self, n_seeds: int, device: torch.device) -> Confusion:
        return torch.zeros(n_seeds, self.n_classes, self.n_classes, dtype=torch.float64, device=device)

    def update(self, kept: Confusion, prediction: Tensor, target: Tensor) -> Confusion:
        n_seeds, n = len(target), self.n_classes
        seed = torch.arange(n_seeds, device=target.device).view(-1, 1)
        cell = (seed * n + target) * n + prediction.argmax(dim=-1)
        return kept + torch.bincount(cell[target >= 0], minlength=n_seeds * n * n).view(n_seeds, n, n).double()

    def constant(self, target: Tensor) -> Tensor:
        scores = most_frequent(target)
        return torch.nn.functional.pad(scores, (0, self.n_classes - len(scores))).expand(*target.shape, -1)


@dataclass(frozen=True)
class BalancedAccuracy(_OfClasses):
    """The share of each class's examples that got it, mean over the classes that occur in the split, in percent."""

    name: ClassVar[str] = "balanced_accuracy"

    def compute(self, kept: Confusion) -> Values:
        return 100 * (kept.diagonal(dim1=1, dim2=2) / kept.sum(dim=2)).nanmean(dim=1)


@dataclass(frozen=True)
class MacroF1(_OfClasses):
    """F1 of each class, mean over the classes that occur in the split or are given to an example of it, in percent."""

    name: ClassVar[str] = "macro_f1"

    def compute(self, kept: Confusion) -> Values:
        hits = kept.diagonal(dim1=1, dim2=2)
        return 100 * (2 * hits / (kept.sum(dim=1) + kept.sum(dim=2))).nanmean(dim=1)
