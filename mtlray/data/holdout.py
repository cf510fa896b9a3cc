"""Examples held out of the training ones, by whole groups: scenes, subjects."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mtlray.data.base import Examples
from mtlray.errors import DataError
from mtlray.randomness import numpy_generator


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
