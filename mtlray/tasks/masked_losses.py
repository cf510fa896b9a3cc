"""Losses over the examples that have a label: what `classification`, `binary` and `regression` train by.

Each is a frozen dataclass, so that its settings are part of a trial's identity, and is called as `loss(prediction, target)`, both
leading with `[seed, batch]`; one value a seed. A batch without any label gives 0 and no gradient.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mtlray.axes import PerSeed
from mtlray.checks import is_finite, is_number, require


@dataclass(frozen=True, kw_only=True)
class ClassCrossEntropy:
    """Softmax cross entropy in nats, mean over the examples with a label; a negative class is no label.

    `class_weights`, one for each class, weigh the examples, and the mean is over the sum of their weights, as in
    `torch.nn.CrossEntropyLoss`.
    """

    class_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_weights", tuple(self.class_weights))
        for weight in self.class_weights:
            require(
                is_number(weight) and weight > 0 and is_finite(weight),
                "class_weights",
                "be positive numbers",
                self.class_weights,
            )

    def __call__(self, prediction: Float[Tensor, "seed batch class"], target: Int[Tensor, "seed batch"]) -> PerSeed:
        there = target >= 0
        wanted = target.clamp(min=0)
        each = F.cross_entropy(prediction.flatten(0, 1), wanted.flatten(), reduction="none").view(target.shape)
        weights = there.to(each.dtype)
        if self.class_weights:
            weights = weights * each.new_tensor(self.class_weights)[wanted]
        return _mean(each, weights)


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy:
    """Cross entropy of a yes (1) or no (0) in nats, from a logit, mean over the examples with a label; a negative one is none.

    `positive_weight` multiplies the loss of each yes, as `pos_weight` of `torch.nn.BCEWithLogitsLoss`.
    """

    positive_weight: float = 1.0

    def __post_init__(self) -> None:
        positive = is_number(self.positive_weight) and self.positive_weight > 0 and is_finite(self.positive_weight)
        require(positive, "positive_weight", "be a positive number", self.positive_weight)

    def __call__(self, prediction: Float[Tensor, "seed batch 1"], target: Int[Tensor, "seed batch"]) -> PerSeed:
        logit, there = prediction[..., 0], target >= 0
        weight = None if self.positive_weight == 1 else logit.new_tensor(self.positive_weight)
        wanted = target.clamp(min=0).to(logit.dtype)
        each = F.binary_cross_entropy_with_logits(logit, wanted, reduction="none", pos_weight=weight)
        return _mean(each, there.to(each.dtype))


@dataclass(frozen=True, kw_only=True)
class StandardError:
    """Error of numbers in units of their standard deviation, mean over the elements that are there; NaN is none.

    The network predicts `(target - mean) / std`. `power` 2 is the squared error, 1 the absolute one.
    """

    power: int = 2
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        require(self.power in (1, 2), "power", "be 1 or 2", self.power)
        require(is_number(self.mean) and is_finite(self.mean), "mean", "be a finite number", self.mean)
        require(is_number(self.std) and self.std > 0 and is_finite(self.std), "std", "be a positive number", self.std)

    def __call__(
        self, prediction: Float[Tensor, "seed batch *shape"], target: Float[Tensor, "seed batch *shape"]
    ) -> PerSeed:
        there = ~target.isnan()
        wanted = (torch.where(there, target, self.mean) - self.mean) / self.std
        difference = prediction - wanted
        each = difference.square() if self.power == 2 else difference.abs()
        return _mean(each.flatten(1), there.to(each.dtype).flatten(1))


def _mean(each: Tensor, weights: Tensor) -> PerSeed:
    """The weighted mean over a row; 0 where all weights are."""
    total = weights.sum(dim=1)
    return (torch.where(weights > 0, each, 0) * weights).sum(dim=1) / torch.where(total > 0, total, 1)
