"""The sums that a pack keeps between two evaluations, and at which step each of its trials diverged."""

import torch
from torch import Tensor

from mtlray.axes import Counts, Losses

_SEARCHED_AT_ONCE = 50  # steps; changes no number


class Meters:
    """Sums of `weights` and `interval_losses` since the last evaluation and of `epoch_losses` in this epoch, `[seed, task]`.

    Nothing in here waits for the device. Losses are kept for some steps and searched together for one that is not finite,
    because a search at each step would be ten small operations: on a GPU ten launches, on a CPU a hundredth of a LeNet step.
    """

    def __init__(
        self, n_seeds: int, n_tasks: int, batches_per_step: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        sums = (torch.zeros(n_seeds, n_tasks, dtype=dtype, device=device) for _ in range(3))
        self.weights, self.interval_losses, self.epoch_losses = sums
        self._diverged_at = torch.full((n_seeds,), -1, dtype=torch.int64, device=device)
        self._batches_per_step = batches_per_step
        self._unsearched: list[Tensor] = []  # the losses of each batch since step `_since`
        self._since = 0

    def add(self, step: int, losses: Losses) -> None:
        """The losses of one batch of a step, without a graph."""
        self.interval_losses += losses
        self.epoch_losses += losses
        if step - self._since >= _SEARCHED_AT_ONCE:
            self._search()
        if not self._unsearched:
            self._since = step
        self._unsearched.append(losses.clone())  # a strategy may keep them as its own and change them in place

    @property
    def diverged_at(self) -> Counts:
        """The step of each trial's first loss that was not finite, `[seed]`; -1 where there is none. Read between two steps."""
        self._search()
        return self._diverged_at

    def _search(self) -> None:
        if not self._unsearched:
            return
        bad = ~torch.isfinite(torch.stack(self._unsearched)).all(dim=2)
        batch = bad.byte().argmax(dim=0)  # the first one, as torch promises for equal values
        first = bad.any(dim=0) & (self._diverged_at < 0)
        self._diverged_at = torch.where(first, self._since + batch // self._batches_per_step, self._diverged_at)
        self._unsearched = []

    def end_epoch(self, n_batches: int) -> Losses:
        """The mean losses of the epoch; its sums are reset."""
        mean = self.epoch_losses / n_batches
        self.epoch_losses = torch.zeros_like(self.epoch_losses)
        return mean

    def end_interval(self) -> None:
        """Reset the sums between two evaluations."""
        self.interval_losses.zero_()
        self.weights.zero_()

    def state(self) -> dict[str, Tensor]:
        """All of it for a checkpoint, each leading with the `seed` axis."""
        return {
            "weights": self.weights,
            "interval_losses": self.interval_losses,
            "epoch_losses": self.epoch_losses,
            "diverged_at": self.diverged_at,
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        self.weights, self.interval_losses = state["weights"], state["interval_losses"]
        self.epoch_losses, self._diverged_at = state["epoch_losses"], state["diverged_at"]
        self._unsearched = []
