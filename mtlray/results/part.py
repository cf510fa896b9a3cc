"""Parts of a sweep's grid that drivers work on beside each other, and the names of the files by which each holds its own."""

import re
from dataclasses import dataclass

from mtlray.checks import LARGEST, require
from mtlray.errors import SpecError
from mtlray.words.values import shown

_NAME = re.compile(r"driver(?:-([1-9]\d*)-of-([1-9]\d*)(-by-cell)?)?\.(?:json|lock)")
_TEXT = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A part of a grid: the `index`-th of `of` parts, counted from 1. The only part of one is the whole.

    Trials are divided one by one, or `by_cell`: the seeds of a cell in one part, where they share packs.
    """

    index: int = 1
    of: int = 1
    by_cell: bool = False

    def __post_init__(self) -> None:
        require(1 <= self.index <= self.of, "index", f"lie between 1 and the number of parts, {self.of}", self.index)
        require(self.of <= LARGEST, "of", "be a number of 64 bits", self.of)

    @classmethod
    def named(cls, name: str) -> "Part | None":
        """The part that a file of a results folder belongs to; None for a file that is no driver's."""
        found = _NAME.fullmatch(name)
        if found is None or (found[1] and not 1 <= int(found[1]) <= int(found[2])):
            return None
        return cls(int(found[1]), int(found[2]), bool(found[3])) if found[1] else WHOLE

    @classmethod
    def read(cls, text: str, *, by_cell: bool = False) -> "Part":
        """The part that a person names as `2/4`; 1/1 is the whole. Raises SpecError."""
        found = _TEXT.fullmatch(text)
        index, of = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= index <= of:
            reason = f": there is no part {index} of {of}" if found else ""
            raise SpecError(
                "Option --shard should be I/N, the I-th of N parts of the grid, counted from 1: for four jobs 1/4, 2/4, 3/4 and "
                f"4/4. Found `{shown(text)}`{reason}."
            )
        return cls(index, of, by_cell) if of > 1 else WHOLE

    @property
    def file(self) -> str:
        """Where its driver writes who it is."""
        return f"{self._stem}.json"

    @property
    def lock_file(self) -> str:
        """What the system's lock is on."""
        return f"{self._stem}.lock"

    def overlaps(self, other: "Part") -> bool:
        """Whether the two may have a trial in common: the same part, or parts of two divisions, as is the whole."""
        return (self.of, self.by_cell) != (other.of, other.by_cell) or self.index == other.index

    def words(self) -> str:
        """The part in a message; empty for the whole."""
        return "" if self.of == 1 else f"part {self.index} of {self.of}"

    @property
    def _stem(self) -> str:
        if self.of == 1:
            return "driver"
        return f"driver-{self.index}-of-{self.of}{'-by-cell' if self.by_cell else ''}"


WHOLE = Part()
