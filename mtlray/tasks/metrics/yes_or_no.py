"""Metrics of a yes (1) or no (0), over the examples with a label, in percent.

Predictions are logits, `[seed, batch, 1]`; a negative target is no label.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from mtlray.axes import Values
from mtlray.tasks.metrics.base import Metric, Totals, TotalsMetric


@dataclass(frozen=True)
class _OfDecisions(TotalsMetric):
    """Counts of yes rightly and wrongly given, and of no rightly and wrongly given; a logit above 0 is a yes."""

    n_totals: ClassVar[int] = 4
    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    bound: ClassVar[float | None] = 100.0

    @property
    def group(self) -> str:
        return "yes or no"

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        given, there = prediction[..., 0] > 0, target >= 0
        cells = [given & (target == 1), given & (target == 0), ~given & (target == 0), ~given & (target == 1)]
        return kept + torch.stack([(cell & there).sum(dim=1) for cell in cells], dim=1).double()

    def constant(self, target: Tensor) -> Tensor:
        yes = 2 * (target == 1).sum() > (target >= 0).sum()
        return torch.where(yes, 1.0, -1.0).double().expand(*target.shape, 1)


@dataclass(frozen=True)
class BinaryAccuracy(_OfDecisions):
    """Share of the examples that were decided rightly."""

    name: ClassVar[str] = "accuracy"

    def compute(self, kept: Totals) -> Values:
        return 100 * (kept[:, 0] + kept[:, 2]) / kept.sum(dim=1)


@dataclass(frozen=True)
class BinaryF1(_OfDecisions):
    """F1 of the yes: 2 TP / (2 TP + FP + FN); NaN where there is no yes and none was given."""

    name: ClassVar[str] = "f1"

    def compute(self, kept: Totals) -> Values:
        true, false, _, missed = kept.unbind(dim=1)
        return 200 * true / (2 * true + false + missed)

    def constant(self, target: Tensor) -> Tensor:
        return torch.ones(*target.shape, 1, dtype=torch.float64, device=target.device)  # yes; a no has F1 0


@dataclass(frozen=True)
class BinaryBalancedAccuracy(_OfDecisions):
    """Mean of the shares of yes and of no that were decided rightly; of one of them where the other does not occur."""

    name: ClassVar[str] = "balanced_accuracy"

    def compute(self, kept: Totals) -> Values:
        true, false, right_no, missed = kept.unbind(dim=1)
        shares = torch.stack([true / (true + missed), right_no / (right_no + false)])
        return 100 * shares.nanmean(dim=0)


@dataclass(frozen=True, slots=True)
class _Scores:
    """Each seed's scores and labels, in the pieces in which they came."""

    pieces: tuple[list[tuple[Tensor, Tensor]], ...] = field(repr=False)


@dataclass(frozen=True)
class _OfScores(Metric):
    """A metric of the order of all scores: they are kept, eight bytes an example."""

    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    bound: ClassVar[float | None] = 100.0

    @property
    def group(self) -> str:
        return "scores of yes or no"

    def init(self, n_seeds: int, device: torch.device) -> _Scores:
        del device
        return _Scores(tuple([] for _ in range(n_seeds)))

    def update(self, kept: _Scores, prediction: Tensor, target: Tensor) -> _Scores:
        for pieces, scores, labels in zip(kept.pieces, prediction[..., 0], target, strict=True):
            there = labels >= 0
            pieces.append((scores[there], labels[there] == 1))
        return kept

    def compute(self, kept: _Scores) -> Values:
        values = []
        for pieces in kept.pieces:
            scores, labels = (torch.cat([piece[i] for piece in pieces]) for i in (0, 1))
            finite = bool(torch.isfinite(scores).all())
            values.append(
                100 * _curve(scores, labels, self.name) if finite and len(scores) else torch.tensor(torch.nan)
            )
        return torch.stack([value.double().cpu() for value in values])

    def constant(self, target: Tensor) -> Tensor:
        return torch.zeros(*target.shape, 1, dtype=torch.float64, device=target.device)


@dataclass(frozen=True)
class ROCAUC(_OfScores):
    """Area under the ROC curve: how often a yes has a higher score than a no, ties counting half. NaN without both."""

    name: ClassVar[str] = "roc_auc"


@dataclass(frozen=True)
class AveragePrecision(_OfScores):
    """Precision at each distinct score, weighted by the yes that it adds, as scikit-learn's. NaN without a yes."""

    name: ClassVar[str] = "average_precision"


def _curve(scores: Tensor, labels: Tensor, name: str) -> Tensor:
    """The area from the counts of yes and no at each distinct score, the highest first; float64."""
    distinct, place = torch.unique(scores, return_inverse=True)
    yes = torch.bincount(place, weights=labels.double(), minlength=len(distinct)).flip(0)
    both = torch.bincount(place, minlength=len(distinct)).double().flip(0)
    no = both - yes
    if name == "roc_auc":
        no_above = no.cumsum(0) - no
        below = no.sum() - no_above - no
        return (yes * (below + no / 2)).sum() / (yes.sum() * no.sum())
    return (yes * yes.cumsum(0) / both.cumsum(0)).sum() / yes.sum()
