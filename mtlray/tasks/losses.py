"""Losses of single tasks as pure functions: mean over the batch, one value for each seed of the pack."""

import torch
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


def pixel_cross_entropy(
    prediction: Float[Tensor, "seed batch class row column"], target: Int[Tensor, "seed batch row column"]
) -> PerSeed:
    """Softmax cross entropy in nats, mean over the labelled pixels of the batch; a negative class is no label.

    0 where the batch has no label.
    """
    wanted = target.clamp(min=0).flatten(0, 1)
    per_pixel = F.cross_entropy(prediction.flatten(0, 1), wanted, reduction="none").view(target.shape)
    return _masked_mean(per_pixel, target >= 0)


def depth_error(
    prediction: Float[Tensor, "seed batch 1 row column"], target: Float[Tensor, "seed batch 1 row column"]
) -> PerSeed:
    """Absolute error, mean over the pixels of the batch whose target is not 0, as Liu et al. 2019 (mtan)."""
    return _masked_mean((prediction - target).abs(), target != 0)


def normal_error(
    prediction: Float[Tensor, "seed batch 3 row column"], target: Float[Tensor, "seed batch channel row column"]
) -> PerSeed:
    """1 - cosine of the angle to the true normal, mean over the pixels that count, as Liu et al. 2019 (mtan).

    `prediction` is normalised here. The first three channels of `target` are unit vectors; a fourth, where there is one, says
    which pixels count, else those whose vector is not (0, 0, 0). A pixel that counts and has no vector adds 1.
    """
    given = F.normalize(prediction, dim=2, eps=1e-8)
    true = target[:, :, :3]
    counts = target[:, :, 3] != 0 if target.shape[2] > 3 else (true != 0).any(dim=2)
    return _masked_mean(1 - (given * true).sum(dim=2), counts)


def age_error(prediction: Float[Tensor, "seed batch 1"], target: Int[Tensor, "seed batch"]) -> PerSeed:
    """Absolute error in years, mean over the batch."""
    return (prediction[..., 0] - target).abs().mean(dim=1)


def _masked_mean(values: Tensor, mask: Tensor) -> PerSeed:
    total = torch.where(mask, values, 0).flatten(1).sum(dim=1)
    return total / mask.flatten(1).sum(dim=1).clamp(min=1)
