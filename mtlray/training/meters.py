"""The sums that a pack keeps between two evaluations, and at which step each of its trials diverged."""

import torch
from jaxtyping import Bool
from torch import Tensor

from mtlray.axes import Counts, Losses, Weights

Present = Bool[Tensor, "seed task"]
"""Which tasks a batch has a label of, or which take part in a step; on the CPU."""

_SEARCHED_AT_ONCE = 50  # steps; changes no number


class Meters:
    """Sums of `weights` and `interval_losses` since the last evaluation and of `epoch_losses` in this epoch, `[seed, task]`.

    Nothing in here waits for the device. Losses are kept for some steps and searched together for one that is not finite,
    because a search at each step would be ten small operations: on a GPU ten launches, on a CPU a hundredth of a LeNet step.

    With `counted` it counts what each sum is made of, on the CPU, because batches may lack a task; means are over the others.
    """

    def __init__(
        self,
        n_seeds: int,
        n_tasks: int,
        batches_per_step: int,
        device: torch.device,
        dtype: torch.dtype,
        *,
        counted: bool = False,
    ) -> None:
        sums = (torch.zeros(n_seeds, n_tasks, dtype=dtype, device=device) for _ in range(3))
        self.weights, self.interval_losses, self.epoch_losses = sums
        self._diverged_at = torch.full((n_seeds,), -1, dtype=torch.int64, device=device)
        self._batches_per_step = batches_per_step
        self._unsearched: list[Tensor] = []  # the losses of each batch since step `_since`
        self._since = 0
        self._counts: dict[str, Tensor] = {}
        if counted:
            kinds = ("weights", "interval_losses", "epoch_losses")
            self._counts = {kind: torch.zeros(n_seeds, n_tasks, dtype=torch.int64) for kind in kinds}

    def add_weights(self, weights: Weights, present: Present | None) -> None:
        """The weights of one step, and which tasks took part in it; None: all."""
        self.weights += weights
        self._count(present, "weights")

    def add(self, step: int, losses: Losses, present: Present | None = None) -> None:
        """The losses of one batch of a step, without a graph, and which tasks the batch has a label of; None: all."""
        self.interval_losses += losses
        self.epoch_losses += losses
        self._count(present, "interval_losses", "epoch_losses")
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

    def _count(self, present: Present | None, *kinds: str) -> None:
        for kind in kinds if self._counts else ():
            self._counts[kind] += 1 if present is None else present

    def mean_losses(self, n_batches: int) -> Losses:
        """Of the batches since the last evaluation, `n_batches`; nan where none of them had a label of the task."""
        return self._mean("interval_losses", n_batches)

    def mean_weights(self, n_steps: int) -> Weights:
        """Of the steps since the last evaluation, `n_steps`, those in which the task took part; 0 where there is none."""
        mean = self._mean("weights", n_steps)
        return mean.masked_fill((self._counts["weights"] == 0).to(mean.device), 0.0) if self._counts else mean

    def end_epoch(self, n_batches: int) -> tuple[Losses, Present | None]:
        """The mean losses of the epoch, and which tasks it had; None: all. Its sums are reset."""
        mean, present = self._mean("epoch_losses", n_batches), None
        self.epoch_losses = torch.zeros_like(self.epoch_losses)
        if self._counts:
            present = self._counts["epoch_losses"] > 0
            self._counts["epoch_losses"] = torch.zeros_like(self._counts["epoch_losses"])
        return mean, None if present is None or bool(present.all()) else present

    def _mean(self, kind: str, n: int) -> Tensor:
        total: Tensor = getattr(self, kind)
        counts = self._counts.get(kind)
        # Complete sums are divided by a number: a GPU divides by a tensor with another rounding.
        return total / n if counts is None or bool((counts == n).all()) else total / counts.to(total)

    def end_interval(self) -> None:
        """Reset the sums between two evaluations."""
        self.interval_losses.zero_()
        self.weights.zero_()
        for kind in ("interval_losses", "weights") if self._counts else ():
            self._counts[kind] = torch.zeros_like(self._counts[kind])

    def state(self) -> dict[str, Tensor]:
        """All of it for a checkpoint, each leading with the `seed` axis."""
        return {
            "weights": self.weights,
            "interval_losses": self.interval_losses,
            "epoch_losses": self.epoch_losses,
            "diverged_at": self.diverged_at,
            **{f"n_{kind}": counts for kind, counts in self._counts.items()},
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        self.weights, self.interval_losses = state["weights"], state["interval_losses"]
        self.epoch_losses, self._diverged_at = state["epoch_losses"], state["diverged_at"]
        self._counts = {kind: state[f"n_{kind}"].cpu() for kind in self._counts}
        self._unsearched = []
