"""What a metric is, and the metrics that are means over examples: accuracy and squared error.

A metric accumulates over the batches of a split and is computed once at its end, so that it need not be a mean over examples: a
mean IoU keeps a confusion matrix, a median keeps its values. What it keeps leads with the `seed` axis.
"""

import abc
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float64
from torch import Tensor

from mtlray.axes import Values
from mtlray.errors import SpecError

Totals = Float64[Tensor, "seed total"]


@dataclass(frozen=True)
class Metric(abc.ABC):
    """What is measured, in which unit, and in which direction it improves.

    `init`, then `update` for each batch of the split in order, then `compute`. Metrics of one task that have the same `group`
    share what they keep: it is updated once for all of them.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    higher_is_better: ClassVar[bool]
    bound: ClassVar[float | None] = None
    """The best value there can be, of a metric whose worst is 0 and that grows with success; None for all others."""
    component_version: ClassVar[int] = 1
    """Raised by a change that alters the metric's values; trials that it is measured in then get new ids."""

    @property
    def perfect(self) -> float | None:
        """The value of a perfect prediction: 0 for an error, `bound` for a success; None where there is no such value."""
        return self.bound if self.higher_is_better else 0.0

    @property
    def has_scale(self) -> bool:
        """Whether a trial's score can go by it: it names a perfect value, and a best constant prediction."""
        return self.perfect is not None and type(self).constant is not Metric.constant

    @property
    def group(self) -> Hashable:
        """Metrics with equal groups keep the same thing; by default a metric keeps its own."""
        return self

    @abc.abstractmethod
    def init(self, n_seeds: int, device: torch.device) -> Any:
        """What is kept of nothing."""

    @abc.abstractmethod
    def update(self, kept: Any, prediction: Tensor, target: Tensor) -> Any:
        """The same with a batch added; `prediction` and `target` lead with `[seed, batch]`."""

    @abc.abstractmethod
    def compute(self, kept: Any) -> Values:
        """The metric's value; NaN where the split has nothing to measure."""

    def constant(self, target: Tensor) -> Tensor | None:
        """The best prediction that is the same for every example, `[seed, batch, ...]` as `update` takes it; None if unknown.

        `target` are the training targets, `[1, example, ...]`. Its value is the metric's zero in a trial's score
        (`mtlray.training.score`). A metric without one leaves its task without a score.
        """
        del target
        return None

    def success(self, prediction: Tensor, target: Tensor) -> Values:
        """The share of its bound that a metric reaches on one batch, from 0 to 1; for strategies that ask at every step.

        A metric that has a shorter way to it may take that. Raises SpecError without a bound.
        """
        if self.bound is None:
            raise SpecError(f"Metric {self.name} has no bound that it could reach a share of.")
        kept = self.init(len(prediction), prediction.device)
        return self.compute(self.update(kept, prediction, target)) / self.bound


class TotalsMetric(Metric):
    """A metric that is a mean: sums over examples, pixels or batches, one row of float64 totals for each seed.

    The last total counts what was summed; the metric is total `column` over it, in percent where that is its unit.
    """

    n_totals: ClassVar[int] = 2
    column: ClassVar[int] = 0

    def init(self, n_seeds: int, device: torch.device) -> Totals:
        return torch.zeros(n_seeds, self.n_totals, dtype=torch.float64, device=device)

    def compute(self, kept: Totals) -> Values:
        return (100 if self.unit == "%" else 1) * kept[:, self.column] / kept[:, -1]


@dataclass(frozen=True)
class Accuracy(TotalsMetric):
    """Share of the examples with a label whose largest output is the target's class, in percent; a negative class is no label."""

    name: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "%"
    higher_is_better: ClassVar[bool] = True
    bound: ClassVar[float | None] = 100.0

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        correct = (prediction.argmax(dim=-1) == target).sum(dim=1)
        count = (target >= 0).sum(dim=1)
        return kept + torch.stack([correct, count], dim=1).to(kept.dtype)

    def constant(self, target: Tensor) -> Tensor:
        return most_frequent(target).expand(*target.shape, -1)

    def success(self, prediction: Tensor, target: Tensor) -> Values:
        return (prediction.argmax(dim=-1) == target).mean(dim=1, dtype=torch.float64)


@dataclass(frozen=True)
class MeanSquaredError(TotalsMetric):
    """Squared error, mean over all elements of all examples."""

    name: ClassVar[str] = "mse"
    unit: ClassVar[str] = "1"
    higher_is_better: ClassVar[bool] = False

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        squares = (prediction.double() - target.double()).square().flatten(1)
        count = torch.full_like(squares[:, 0], squares.shape[1])
        return kept + torch.stack([squares.sum(dim=1), count], dim=1)

    def constant(self, target: Tensor) -> Tensor:
        return target.double().mean(dim=1, keepdim=True).expand(target.shape)


def most_frequent(target: Tensor) -> Float64[Tensor, " class"]:
    """Scores that choose the most frequent class of `target`; negative classes are no label. The lowest of equals."""
    counts = torch.bincount(target[target >= 0].flatten(), minlength=1)
    return torch.nn.functional.one_hot(counts.argmax(), len(counts)).double()
