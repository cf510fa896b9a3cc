"""Examples held out of the training ones, by whole groups: scenes, subjects.

The first functions are about data sets of pictures that are stored in two parts: `n_images` are the training and test pictures,
of the former `val_images` are held out, and `data_seed` draws them.
"""

from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from mtlray.checks import integer, require
from mtlray.data.base import Examples, SplitName
from mtlray.errors import DataError
from mtlray.randomness import numpy_generator


@runtime_checkable
class InTwoParts(Protocol):
    """A data set spec with these fields."""

    @property
    def n_images(self) -> tuple[int, int]: ...
    @property
    def val_images(self) -> int: ...
    @property
    def data_seed(self) -> int: ...


def settle_parts(dataset: InTwoParts) -> None:
    """Make integers of the fields of a frozen spec that is being made. Raises SpecError."""
    counts = tuple(integer("n_images", n, "hold two integers") for n in dataset.n_images)
    object.__setattr__(dataset, "n_images", counts)
    for name in ("val_images", "data_seed"):
        object.__setattr__(dataset, name, integer(name, getattr(dataset, name)))
    require(len(counts) == 2 and min(counts) >= 1, "n_images", "be two counts", counts)


def require_val_images(dataset: InTwoParts, n: int) -> None:
    """Raise SpecError unless fewer than `n` pictures are held out."""
    require(0 <= dataset.val_images < n, "val_images", f"be from 0 to {n - 1}", dataset.val_images)


def n_in_split(dataset: InTwoParts, split: SplitName) -> int:
    """The pictures of a split."""
    n_train, n_test = dataset.n_images
    return {"train": n_train - dataset.val_images, "val": dataset.val_images, "test": n_test}[split]


def parts_in_label(dataset: InTwoParts, usual: tuple[int, int] | None = None) -> list[str]:
    """The last words of a label: the counts unless they are the usual ones, and what is held out."""
    words = [] if dataset.n_images == usual else [f"{dataset.n_images[0]}+{dataset.n_images[1]}"]
    words += [f"val{dataset.val_images}"] if dataset.val_images else []
    return [*words, f"data{dataset.data_seed}"] if dataset.data_seed else words


def held_out(n: int, wanted: int, groups: np.ndarray | None, seed: int, purpose: str) -> np.ndarray:
    """Which of `n` examples are held out, `[n]` in bool: exactly `wanted`.

    `groups` `[n]` are numbers of scenes or subjects, drawn in random order and taken whole. Without them the examples are one
    run of the given order, which may go on at its start: where neighbours are alike, only its two ends divide what is alike.
    Raises DataError where no choice of groups was found that has `wanted` examples.
    """
    chosen = np.zeros(n, bool)
    rng = numpy_generator(seed, purpose)
    if groups is None:
        chosen[(int(rng.integers(n)) + np.arange(wanted)) % n] = True
        return chosen
    numbers, sizes = np.unique(groups, return_counts=True)
    taken, left = [], wanted
    for index in rng.permutation(len(numbers)):
        if sizes[index] <= left:
            taken.append(numbers[index])
            left -= sizes[index]
    if left:
        raise DataError(
            f"{wanted} of {n} examples should be held out by whole groups. Found groups for {wanted - left}. "
            "Hold out that many, or choose another `data_seed`."
        )
    chosen[np.isin(groups, taken)] = True
    return chosen


def three_splits(
    held: np.ndarray, examples: Callable[[Literal["train", "test"], Tensor | None], Examples]
) -> dict[str, Examples]:
    """The three splits of a data set that is stored in two parts: `held` `[n_train]` are the training rows to validate on.

    `examples` reads a part, all of it or some rows.
    """
    return {
        "train": examples("train", torch.from_numpy(np.flatnonzero(~held))),
        "val": examples("train", torch.from_numpy(np.flatnonzero(held))),
        "test": examples("test", None),
    }
