"""Base: what a published table is. Its numbers under our names, where they were printed, what is wrong or unclear in them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """One published number; `spread` is None where the paper prints none, `runs` where it does not say.

    `derived` numbers were worked out from the paper's prose.
    """

    mean: float
    spread: float | None
    derived: bool
    runs: int | None = None


Key = tuple[str, float, str, str]  # strategy, fraction, task, metric


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTable:
    """One table of a paper, or a user's file: where it was printed, which data set it is about, and notes to print below it.

    A file is of every data set: its `dataset` is "".
    """

    name: str
    source: str
    dataset: str
    notes: tuple[str, ...]
    runs: int | None
    """How many runs its means are over; None where the paper does not say."""

    numbers: Callable[[], Mapping[Key, Number]]
    """By strategy, fraction, task and metric; read when they are asked for."""

    label: str = "paper"
    """What its rows are called."""

    selection: str | None = None
    """The rule of ours by which the paper chose an evaluation; None for a file, which does not say."""

    lower: frozenset[str] | None = None
    """Of a table whose rows have a Δm: the metrics of which less is better."""

    @property
    def assumed_runs(self) -> int:
        """The same, with the 10 runs of the paper's first tables where it does not say."""
        return self.runs or 10

    def covers(self, dataset: str) -> bool:
        """Whether a data set is the table's, or a variant of it: `multi_mnist-left-right-mnist5k` is one."""
        return not self.dataset or f"{dataset}-".startswith(f"{self.dataset}-")
