"""Which examples the mini-batches of a trial hold."""

import torch
from torch import Tensor

from mtlray.data import subset
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
        self._order = self._subset

    def batch(self, n: int) -> Tensor:
        """Indices into the training split, `[batch]`."""
        epoch, position = divmod(n, self._trial.batches_per_epoch)
        if epoch != self._epoch:
            shuffle = torch.randperm(len(self._subset), generator=generator(self._trial.seed, "order", epoch))
            self._epoch, self._order = epoch, self._subset[shuffle]
        start = position * self._trial.batch_size
        return self._order[start : start + self._trial.batch_size]

    def apart(self, purpose: str, step: int, count: int) -> list[Tensor]:
        """Up to `count` batches for something besides training, a function of (seed, purpose, step); no example twice.

        Each holds `batch_size` examples of the training subset. There are fewer where the subset is too small, and at least
        one, which then is the whole subset.
        """
        shuffle = torch.randperm(len(self._subset), generator=generator(self._trial.seed, purpose, step))
        whole = max(1, min(count, len(self._subset) // self._trial.batch_size))
        return list(torch.split(self._subset[shuffle], self._trial.batch_size)[:whole])
