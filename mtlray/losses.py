"""Losses of single tasks as pure functions: mean over the batch, one value for each seed of the pack."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mtlray.axes import PerSeed


def cross_entropy(prediction: Float[Tensor, "seed batch class"], target: Int[Tensor, "seed batch"]) -> PerSeed:
    """Softmax cross entropy in nats."""
    per_example = F.cross_entropy(prediction.flatten(0, 1), target.flatten(), reduction="none")
    return per_example.view(target.shape).mean(dim=1)


def squared_error(
    prediction: Float[Tensor, "seed batch *shape"], target: Float[Tensor, "seed batch *shape"]
) -> PerSeed:
    """Squared error, mean over the batch and over all elements of an example."""
    return (prediction - target).square().flatten(1).mean(dim=1)
