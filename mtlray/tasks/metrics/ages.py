"""Age in years from a distribution over ages or from a number, and the errors of it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from mtlray.axes import Values
from mtlray.tasks.metrics.base import Metric, Totals, TotalsMetric
from mtlray.tasks.metrics.median import KeptValues, median


def predicted_ages(prediction: Float[Tensor, "seed batch output"]) -> Float[Tensor, "seed batch"]:
    """Years, in float64: one output is the age itself; of several, output `i` is the score of age `i`, and the age is the
    expectation of their softmax (DEX, Rothe et al. 2015).
    """
    outputs = prediction.double()
    if outputs.shape[-1] == 1:
        return outputs[..., 0]
    years = torch.arange(outputs.shape[-1], dtype=torch.float64, device=outputs.device)
    return outputs.softmax(dim=-1) @ years


def _median_age(target: Tensor) -> Float[Tensor, "seed batch 1"]:
    """The age with the least absolute error, mean and median alike, as one output."""
    return median(target.flatten()).expand(*target.shape, 1)


@dataclass(frozen=True)
class MeanAgeError(TotalsMetric):
    """Absolute error of the age, mean over the examples."""

    name: ClassVar[str] = "mean_abs_error"
    unit: ClassVar[str] = "years"
    higher_is_better: ClassVar[bool] = False

    def update(self, kept: Totals, prediction: Tensor, target: Tensor) -> Totals:
        error = (predicted_ages(prediction) - target).abs()
        return kept + torch.stack([error.sum(dim=1), torch.full_like(error[:, 0], error.shape[1])], dim=1)

    def constant(self, target: Tensor) -> Tensor:
        return _median_age(target)


@dataclass(frozen=True)
class MedianAgeError(Metric):
    """Absolute error of the age, median of the examples."""

    name: ClassVar[str] = "median_abs_error"
    unit: ClassVar[str] = "years"
    higher_is_better: ClassVar[bool] = False

    def init(self, n_seeds: int, device: torch.device) -> KeptValues:
        del device
        return KeptValues.of(n_seeds)

    def update(self, kept: KeptValues, prediction: Tensor, target: Tensor) -> KeptValues:
        kept.add(list((predicted_ages(prediction) - target).abs()))
        return kept

    def compute(self, kept: KeptValues) -> Values:
        return kept.medians()

    def constant(self, target: Tensor) -> Tensor:
        return _median_age(target)
