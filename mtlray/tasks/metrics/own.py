"""A metric of one's own: a function of all predictions and targets of a split."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from mtlray.axes import Values
from mtlray.checks import require
from mtlray.tasks.metrics.base import Metric

Kept = tuple[int, tuple[tuple[Tensor, Tensor], ...]]


@dataclass(frozen=True, kw_only=True)
class OwnMetric(Metric):
    """What a function makes of a split: `function(prediction, target)`, both `[example, ...]` on the CPU in float64 or int64.

    It sees the examples with a label alone, all at once, and returns one number; of a regression whose network predicts in
    standard deviations, predictions in the column's unit. The function's code is part of a trial's identity. `bound` as in
    `Metric`. Raises SpecError.

    >>> import torch
    >>> from mtlray import OwnMetric, regression
    >>> def worst_error(prediction, target):
    ...     return (prediction - target).abs().max()
    >>> task = regression("age", metrics=[OwnMetric(worst_error, name="worst", unit="years", higher_is_better=False)])
    >>> task.metrics[0].name
    'worst'
    """

    function: Callable[[Tensor, Tensor], Any] = field(kw_only=False)
    name: str  # type: ignore[misc]  # a metric's own, where a class has it for all
    higher_is_better: bool  # type: ignore[misc]
    unit: str = "1"  # type: ignore[misc]
    bound: float | None = None  # type: ignore[misc]
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        require(callable(self.function), "function", "be a function of predictions and targets", self.function)
        word = isinstance(self.name, str) and self.name != "" and "/" not in self.name
        require(word, "name", "be a word without `/`", repr(self.name))
        bounded = self.bound is None or (self.higher_is_better and self.bound > 0)
        require(bounded, "bound", "be None, or positive for a metric that grows with success", self.bound)

    @property
    def perfect(self) -> float | None:
        return self.bound

    def scaled(self, mean: float, std: float) -> "OwnMetric":
        """The same for a network that predicts in standard deviations."""
        return replace(self, mean=mean, std=std)

    def init(self, n_seeds: int, device: torch.device) -> Kept:
        del device
        return n_seeds, ()

    def update(self, kept: Kept, prediction: Tensor, target: Tensor) -> Kept:
        n_seeds, batches = kept
        return n_seeds, (*batches, (prediction.detach().double().cpu() * self.std + self.mean, target.detach().cpu()))

    def compute(self, kept: Kept) -> Values:
        n_seeds, batches = kept
        values = torch.full((n_seeds,), torch.nan, dtype=torch.float64)
        if not batches:
            return values
        predictions, targets = (torch.cat(parts, dim=1) for parts in zip(*batches, strict=True))
        for i, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
            number = target.is_floating_point()
            there = (~target.isnan() if number else target >= 0).reshape(len(target), -1).any(dim=1)
            if there.any():
                own = target[there]
                values[i] = float(self.function(prediction[there], own.double() if number else own))
        return values
