"""Which examples of an array are for training, validation and testing."""

import numpy as np

from mtlray.checks import is_number, require
from mtlray.data.base import SplitName
from mtlray.errors import DataError
from mtlray.randomness import numpy_generator

SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


def by_column(values: np.ndarray, name: str) -> dict[SplitName, np.ndarray]:
    """The rows of each split as a column names it. Raises DataError for other words."""
    words = np.char.lower(values.astype(str))
    unknown = sorted(set(words.tolist()) - set(SPLITS))
    if unknown:
        raise DataError(f"Column `{name}` should hold train, val or test. Found {', '.join(unknown[:5])}.")
    return {split: np.flatnonzero(words == split) for split in SPLITS}


def at_random(
    n: int, val: float, test: float, groups: np.ndarray | None, seed: int, kinds: np.ndarray | None = None
) -> dict[SplitName, np.ndarray]:
    """The rows of each split, drawn with a fixed seed: `val` and `test` are shares of the examples, or numbers of them.

    Rows with one value of `groups` are in one split; whole groups are drawn until there are enough. Of `kinds` each value is
    drawn from by itself. Raises DataError.
    """
    if kinds is not None:
        of_kinds = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
        drawn = [(rows, at_random(len(rows), val, test, None, seed)) for rows in of_kinds]
        return {split: np.sort(np.concatenate([rows[own[split]] for rows, own in drawn])) for split in SPLITS}
    rng = numpy_generator(seed, "array dataset splits")
    names, of_row = np.unique(np.arange(n) if groups is None else groups.astype(str), return_inverse=True)
    sizes = np.bincount(of_row)
    order = rng.permutation(len(names))
    rows: dict[SplitName, np.ndarray] = {}
    taken = 0
    held_out: tuple[tuple[SplitName, int], ...] = (("test", _count(test, n)), ("val", _count(val, n)))
    for split, wanted in held_out:
        reached = np.concatenate([[0], sizes[order[taken:]].cumsum()])
        number = int(np.searchsorted(reached, wanted))
        if number >= len(reached):
            left = "examples left" if groups is None else "groups"
            raise DataError(
                f"{wanted} of {n} examples should be held out for {split}. Found too few {left}. Hold out fewer."
            )
        rows[split] = np.flatnonzero(np.isin(of_row, order[taken : taken + number]))
        taken += number
    rows["train"] = np.flatnonzero(np.isin(of_row, order[taken:]))
    return {split: rows[split] for split in SPLITS}


def require_share(name: str, value: object) -> None:
    """Raise SpecError unless it is a share of the examples, below 1, or a number of them."""
    fits = is_number(value) and value >= 0 and (value < 1 or float(value).is_integer())  # type: ignore[operator, arg-type]
    require(bool(fits), name, "be a share in [0, 1), or a whole number of examples", value)


def _count(value: float, n: int) -> int:
    return round(value * n) if value < 1 else int(value)
