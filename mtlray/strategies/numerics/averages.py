"""Averages that strategies keep in their state: a moving one, and the means of the last two epochs."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mtlray.axes import Losses, Weights
from mtlray.checks import require
from mtlray.errors import unknown_name


@dataclass(frozen=True)
class MovingAverage:
    r"""An exponential moving average :math:`E \leftarrow \beta E + (1 - \beta) x` of the losses, which starts at the first one.

    `cadence="batch"` averages the losses of the batches, the present one included; "epoch" averages the mean losses of the
    epochs before, and during the first epoch is the loss of its first batch. Its buffers are `average` `[seed, task]` and
    `count` `[seed, 1]`.
    """

    beta: float
    cadence: Literal["batch", "epoch"]

    def __post_init__(self) -> None:
        require(0 <= self.beta < 1, "beta", "lie in [0, 1)", self.beta)
        if self.cadence not in ("batch", "epoch"):
            raise unknown_name("cadence", self.cadence, ["batch", "epoch"])

    def init(self, n_seeds: int, n_tasks: int) -> dict[str, Tensor]:
        return {"average": torch.zeros(n_seeds, n_tasks), "count": torch.zeros(n_seeds, 1)}

    def after_batch(self, losses: Losses, buffers: dict[str, Tensor]) -> dict[str, Tensor]:
        """The buffers, updated before they are used for this batch."""
        average, count = buffers["average"], buffers["count"]
        if self.cadence == "epoch":
            return {**buffers, "average": torch.where(count == 0, losses, average), "count": count.clamp(min=1)}
        return {**buffers, "average": torch.where(count == 0, losses, self._blend(average, losses)), "count": count + 1}

    def after_epoch(self, mean_losses: Losses, buffers: dict[str, Tensor]) -> dict[str, Tensor]:
        """The buffers, updated at the end of an epoch."""
        if self.cadence == "batch":
            return buffers
        average, count = buffers["average"], buffers["count"]
        # The first epoch's mean takes the place of its first batch's loss.
        average = torch.where(count <= 1, mean_losses, self._blend(average, mean_losses))
        return {**buffers, "average": average, "count": count + 1}

    def _blend(self, average: Tensor, value: Tensor) -> Tensor:
        return self.beta * average + (1 - self.beta) * value


def epoch_means(n_seeds: int, n_tasks: int) -> dict[str, Tensor]:
    """Buffers for the means of the last two epochs, `last` and `previous` `[seed, task]`, and `epochs` `[seed, 1]`."""
    ones = torch.ones(n_seeds, n_tasks)
    return {"last": ones, "previous": ones.clone(), "epochs": torch.zeros(n_seeds, 1)}


def with_epoch(mean_losses: Losses, buffers: dict[str, Tensor]) -> dict[str, Tensor]:
    """The buffers after one more epoch."""
    return {**buffers, "last": mean_losses, "previous": buffers["last"], "epochs": buffers["epochs"] + 1}


def epoch_ratio(buffers: dict[str, Tensor], epsilon: float) -> Weights:
    """The last epoch's mean loss over that of the one before; one during the first two epochs."""
    ratio = (buffers["last"] + epsilon) / (buffers["previous"] + epsilon)
    return torch.where(buffers["epochs"] >= 2, ratio, torch.ones_like(ratio))


def sum_to_n_tasks(weights: Weights) -> Weights:
    """The weights, scaled to sum to the number of tasks."""
    return weights * (weights.shape[1] / weights.sum(dim=1, keepdim=True))
