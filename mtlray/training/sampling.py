"""Which examples each mini-batch of a trial holds, and the batches of a pack."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtlray.data import Examples, subset
from mtlray.data.batches import Batches
from mtlray.randomness import generator
from mtlray.specs import TrialSpec


class Sampler:
    """Which examples the n-th mini-batch of a trial holds: a function of (seed, n) alone, so nothing has to be stored.

    An epoch is a permutation of the training subset cut into batches; its last, smaller batch is kept.
    """

    def __init__(self, trial: TrialSpec, n_examples: int) -> None:
        self._subset = torch.from_numpy(subset(n_examples, trial.fraction, trial.seed))
        self._trial = trial
        self._epoch = -1
        self._batches: Sequence[Tensor] = ()

    def batch(self, n: int) -> Tensor:
        """Indices into the training split, `[batch]`."""
        epoch, position = divmod(n, self._trial.batches_per_epoch)
        if epoch != self._epoch:
            shuffle = torch.randperm(len(self._subset), generator=generator(self._trial.seed, "order", epoch))
            self._epoch, self._batches = epoch, torch.split(self._subset[shuffle], self._trial.batch_size)
        return self._batches[position]

    def apart(self, purpose: str, step: int, count: int) -> list[Tensor]:
        """Up to `count` batches for something besides training, a function of (seed, purpose, step); no example twice.

        Each holds `batch_size` examples of the training subset. There are fewer where the subset is too small, and at least
        one, which then is the whole subset.
        """
        shuffle = torch.randperm(len(self._subset), generator=generator(self._trial.seed, purpose, step))
        whole = max(1, min(count, len(self._subset) // self._trial.batch_size))
        return list(torch.split(self._subset[shuffle], self._trial.batch_size)[:whole])


def training_batches(
    trials: Sequence[TrialSpec], examples: Examples, device: torch.device, dtype: torch.dtype
) -> Batches:
    """The mini-batches of trials that are equal in all but the seed, `[seed, batch, ...]`, by their number."""
    trial = trials[0]
    samplers = [Sampler(trial, len(examples)) for trial in trials]

    def indices(n: int) -> Tensor:
        return torch.stack([sampler.batch(n) for sampler in samplers])

    end = trial.steps * trial.strategy.batches_per_step
    return Batches(examples, [task.name for task in trial.tasks], indices, end, device=device, dtype=dtype)


def augmented(
    trials: Sequence[TrialSpec], number: int, inputs: Tensor, targets: Sequence[Tensor]
) -> tuple[Tensor, Sequence[Tensor]]:
    """Batch `number` as its data set changes it at random: a function of (seed, number) for each trial."""
    dataset = trials[0].dataset
    if not dataset.augmented:
        return inputs, targets
    random = [generator(trial.seed, "augment", number) for trial in trials]
    names = [task.name for task in trials[0].tasks]
    inputs, changed = dataset.augment(inputs, dict(zip(names, targets, strict=True)), random)
    return inputs, [changed[name] for name in names]
