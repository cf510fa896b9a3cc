"""Which examples each mini-batch of a trial holds, and the data of a pack."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from mtlray.axes import Indices
from mtlray.data import Dataset, Examples, subset
from mtlray.data.batches import Batches, place
from mtlray.data.labels import Labelled, labelled
from mtlray.errors import DataError
from mtlray.models.dtype import dtype_of
from mtlray.randomness import generator
from mtlray.specs import TrialSpec
from mtlray.training.meters import Present

Inputs = tuple[Tensor, Sequence[Tensor]]
Block = Int[Tensor, "seed _"]
"""Examples of a mini-batch by their numbers: all of it, or those of one task."""


class Sampler:
    """Which examples the n-th mini-batch of a trial holds: a function of (seed, n) alone, so nothing has to be stored.

    An epoch is a permutation of the training subset cut into batches; its last, smaller batch is kept. With `task` it is the
    subset of that task's own examples, whose order depends on the task's name and on no other task.
    """

    def __init__(self, trial: TrialSpec, n_examples: int, task: str = "") -> None:
        self._of = f" of {task}" if task else ""
        self._subset = torch.from_numpy(subset(n_examples, trial.fraction, trial.seed, f"subset{self._of}"))
        self._seed, self._size = trial.seed, trial.batch_size
        self._per_epoch = math.ceil(len(self._subset) / self._size)
        self._epoch = -1
        self._batches: Sequence[Tensor] = ()

    def batch(self, n: int) -> Tensor:
        """Indices into the training split, or into the task's own examples, `[batch]`."""
        epoch, position = divmod(n, self._per_epoch)
        if epoch != self._epoch:
            order = generator(self._seed, f"order{self._of}", epoch)
            shuffle = torch.randperm(len(self._subset), generator=order)
            self._epoch, self._batches = epoch, torch.split(self._subset[shuffle], self._size)
        return self._batches[position]

    def size(self, n: int) -> int:
        """How many examples `batch` gives."""
        return min(self._size, len(self._subset) - n % self._per_epoch * self._size)

    def apart(self, purpose: str, step: int, count: int) -> list[Tensor]:
        """Up to `count` batches for something besides training, a function of (seed, purpose, step); no example twice.

        Each holds `batch_size` examples of the training subset. There are fewer where the subset is too small, and at least
        one, which then is the whole subset.
        """
        shuffle = torch.randperm(len(self._subset), generator=generator(self._seed, f"{purpose}{self._of}", step))
        whole = max(1, min(count, len(self._subset) // self._size))
        return list(torch.split(self._subset[shuffle], self._size)[:whole])


class PackData:
    """A data set as a pack reads it: `splits`, on the device where they fit, and the mini-batches of training by number.

    The trials are equal in all but the seed. Close it at the end of training, for a thread may be reading ahead. `fingerprint` is
    the data set's. `labelled` says for each split which examples have which task's label, None where no label is missing. Where
    each task has examples of its own, a mini-batch holds one block of examples after the other, and a task's targets are those
    of its block; validation and test splits are those of the tasks that are trained. Raises DataError where the tasks' examples
    are not as many as the spec says.
    """

    def __init__(self, trials: Sequence[TrialSpec], dataset: Dataset, device: torch.device) -> None:
        trial, self._trials = trials[0], trials
        self.fingerprint = dataset.fingerprint
        self._names = [task.name for task in trial.tasks]
        splits = {name: of_tasks(examples, self._names, trial) for name, examples in dataset.splits.items()}
        self.labelled = {name: labelled(examples, self._names) for name, examples in splits.items()}
        self.splits = {name: place(examples, device) for name, examples in splits.items()}
        own = self._own = None if trial.dataset.own_examples is None else self._examples_of_tasks(len(splits["train"]))
        self._samplers, samplers = self._begin(), self._begin()  # for what is apart; a thread has the others

        def indices(number: int) -> Indices:  # without `self`, so that the data go with the last reference to it
            return _together(_drawn(samplers, number, own))

        end, dtype = trial.steps * trial.strategy.batches_per_step, dtype_of(trial.precision)
        self.batches = Batches(self.splits["train"], self._names, indices, end, device=device, dtype=dtype)

    def _examples_of_tasks(self, n_examples: int) -> list[Tensor]:
        """The training examples of each task, where each has its own."""
        there = self.labelled["train"]
        there = torch.ones(n_examples, len(self._names), dtype=torch.bool) if there is None else there
        expected = self._trials[0].dataset.own_examples or {}
        for name, found in zip(self._names, there.sum(dim=0).tolist(), strict=True):
            if found != expected[name]:
                raise DataError(
                    f"Task {name} of {self._trials[0].dataset.label} should have {expected[name]} training examples of its own, "
                    f"as the data set's `own_examples` says. Found {found} examples with a label of it."
                )
        return [column.nonzero().flatten() for column in there.unbind(dim=1)]

    def _begin(self) -> list[list[Sampler]]:
        """The samplers of each trial: one, or one for each task."""
        if self._own is None:
            return [[Sampler(trial, len(self.splits["train"]))] for trial in self._trials]
        of_tasks = list(zip(self._names, self._own, strict=True))
        return [[Sampler(trial, len(rows), name) for name, rows in of_tasks] for trial in self._trials]

    def batch(self, number: int) -> Inputs:
        """Inputs and each task's targets of a mini-batch, `[seed, batch, ...]`, as the data set changes them at random.

        The changes are a function of (seed, number) for each trial.
        """
        inputs, targets = self.batches.at(number)
        dataset = self._trials[0].dataset
        if dataset.augmented:
            random = [generator(trial.seed, "augment", number) for trial in self._trials]
            inputs, changed = dataset.augment(inputs, dict(zip(self._names, targets, strict=True)), random)
            targets = [changed[name] for name in self._names]
        if self._own is None:
            return inputs, targets
        return inputs, _of_blocks(targets, [sampler.size(number) for sampler in self._samplers[0]])

    @property
    def lacks_labels(self) -> bool:
        """Whether a mini-batch may have no label of some task."""
        return self._own is None and self.labelled["train"] is not None

    def present(self, number: int) -> Present:
        """Which tasks have a label in a mini-batch, on the CPU. Called where it `lacks_labels`."""
        there = self.labelled["train"]
        assert there is not None
        (drawn,) = _drawn(self._samplers, number, self._own)
        return there[drawn].any(dim=1)

    def apart(self, purpose: str, step: int, count: int) -> list[list[Block]]:
        """Up to `count` batches for something besides training, as `Sampler.apart` draws them.

        `[seed, batch]` each: of all tasks, or a block for each task.
        """
        of_trials = [[s.apart(purpose, step, count) for s in of_trial] for of_trial in self._samplers]
        n_batches = min(len(batches) for batches in of_trials[0])
        return [
            _located([[batches[i] for batches in of_trial] for of_trial in of_trials], self._own)
            for i in range(n_batches)
        ]

    def of(self, batch: Sequence[Block]) -> Inputs:
        """Inputs and each task's targets of any training examples, a batch as `apart` gives it, not augmented."""
        inputs, targets = self.batches.of(_together(batch))
        return inputs, targets if self._own is None else _of_blocks(targets, [block.shape[1] for block in batch])

    def close(self) -> None:
        """End what reads ahead."""
        self.batches.close()


def _drawn(samplers: Sequence[Sequence[Sampler]], number: int, own: Sequence[Tensor] | None) -> list[Block]:
    """The examples of a mini-batch, `[seed, batch]`: of all tasks, or a block for each task."""
    return _located([[sampler.batch(number) for sampler in of_trial] for of_trial in samplers], own)


def _located(of_trials: Sequence[Sequence[Tensor]], own: Sequence[Tensor] | None) -> list[Block]:
    """The blocks of all trials together; `own` are each task's examples, by which its block counts."""
    found = [torch.stack(list(block)) for block in zip(*of_trials, strict=True)]
    return found if own is None else [rows[block] for rows, block in zip(own, found, strict=True)]


def _together(blocks: Sequence[Block]) -> Indices:
    return blocks[0] if len(blocks) == 1 else torch.cat(list(blocks), dim=1)


def _of_blocks(targets: Sequence[Tensor], sizes: Sequence[int]) -> list[Tensor]:
    """Of each task's targets those of its block."""
    return [torch.split(target, list(sizes), dim=1)[k] for k, target in enumerate(targets)]


def of_tasks(examples: Examples, names: Sequence[str], trial: TrialSpec) -> Examples:
    """A split without the examples of tasks that are not trained, where each task has its own."""
    if trial.dataset.own_examples is None or len(names) == len(trial.dataset.tasks):
        return examples
    there: Labelled | None = labelled(examples, names)
    if there is None or not len(examples):
        return examples
    rows = there.any(dim=1).nonzero().flatten()
    return replace(examples, rows=rows if examples.rows is None else examples.rows[rows])
