"""Task: one thing to predict, and everything the rest of the system needs to know about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from mtlray.metrics import Metric

Likelihood = Literal["categorical", "gaussian", "laplace", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One thing to predict.

    `likelihood` decides the factor that uncertainty weighting uses (Kendall et al. 2018). `output_shape` is the shape of one
    prediction, so that a model can build the head. `loss` maps `(prediction, target)`, both leading with `[seed, batch]`, to
    one value a seed. The first of `metrics` is the task's main one.
    """

    name: str
    likelihood: Likelihood
    output_shape: tuple[int, ...]
    loss: Callable[[Tensor, Tensor], Tensor]
    metrics: tuple[Metric, ...]

    @property
    def bounded_metric(self) -> Metric | None:
        """The first of `metrics` that has a bound, such as accuracy; None where there is none."""
        return next((metric for metric in self.metrics if metric.bound is not None), None)
