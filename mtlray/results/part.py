"""Parts of a sweep's grid that drivers work on beside each other, and the names of the files by which each holds its own."""

import re
from dataclasses import dataclass

from mtlray.checks import require

_NAME = re.compile(r"driver(?:-([1-9]\d*)-of-([1-9]\d*))?\.(?:json|lock)")


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A part of a grid: the `index`-th of `of` parts, counted from 1. The only part of one is the whole."""

    index: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        require(1 <= self.index <= self.of, "index", f"lie between 1 and the number of parts, {self.of}", self.index)

    @classmethod
    def named(cls, name: str) -> "Part | None":
        """The part that a file of a results folder belongs to; None for a file that is no driver's."""
        found = _NAME.fullmatch(name)
        if found is None or (found[1] and not 1 <= int(found[1]) <= int(found[2])):
            return None
        return cls(int(found[1]), int(found[2])) if found[1] else WHOLE

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
        return self.of != other.of or self.index == other.index

    def words(self) -> str:
        """The part in a message; empty for the whole."""
        return "" if self.of == 1 else f"part {self.index} of {self.of}"

    @property
    def _stem(self) -> str:
        return "driver" if self.of == 1 else f"driver-{self.index}-of-{self.of}"


WHOLE = Part()
