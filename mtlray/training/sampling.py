"""Which examples each mini-batch of a trial holds, and the data of a pack."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtlray.axes import Indices
from mtlray.data import Dataset, subset
from mtlray.data.batches import Batches, place
from mtlray.models.dtype import dtype_of
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


class PackData:
    """A data set as a pack reads it: `splits`, on the device where they fit, and the mini-batches of training by number.

    The trials are equal in all but the seed. Close it at the end of training, for a thread may be reading ahead. `fingerprint` is
    the data set's.
    """

    def __init__(self, trials: Sequence[TrialSpec], dataset: Dataset, device: torch.device) -> None:
        trial, self._trials = trials[0], trials
        self.fingerprint = dataset.fingerprint
        self.splits = {name: place(examples, device) for name, examples in dataset.splits.items()}
        train = self.splits["train"]
        self._names = [task.name for task in trial.tasks]
        self._samplers = [Sampler(trial, len(train)) for trial in trials]  # for what is apart; a thread has the others
        samplers = [Sampler(trial, len(train)) for trial in trials]

        def indices(number: int) -> Indices:
            return torch.stack([sampler.batch(number) for sampler in samplers])

        end, dtype = trial.steps * trial.strategy.batches_per_step, dtype_of(trial.precision)
        self.batches = Batches(train, self._names, indices, end, device=device, dtype=dtype)

    def batch(self, number: int) -> tuple[Tensor, Sequence[Tensor]]:
        """Inputs and each task's targets of a mini-batch, `[seed, batch, ...]`, as the data set changes them at random.

        The changes are a function of (seed, number) for each trial.
        """
        inputs, targets = self.batches.at(number)
        dataset = self._trials[0].dataset
        if not dataset.augmented:
            return inputs, targets
        random = [generator(trial.seed, "augment", number) for trial in self._trials]
        inputs, changed = dataset.augment(inputs, dict(zip(self._names, targets, strict=True)), random)
        return inputs, [changed[name] for name in self._names]

    def apart(self, purpose: str, step: int, count: int) -> list[Indices]:
        """Up to `count` batches for something besides training, `[seed, batch]` each, as `Sampler.apart` draws them."""
        drawn = zip(*(sampler.apart(purpose, step, count) for sampler in self._samplers), strict=True)
        return [torch.stack(list(batches)) for batches in drawn]

    def of(self, batch: Indices) -> tuple[Tensor, Sequence[Tensor]]:
        """Inputs and each task's targets of any training examples, `[seed, batch]`, not augmented."""
        return self.batches.of(batch)

    def close(self) -> None:
        """End what reads ahead."""
        self.batches.close()
