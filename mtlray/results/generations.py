"""Generations: the two newest checkpoints of an unfinished trial, as files checkpoint-<n>.pt in its folder."""

import re

from mtlray.storage.failpoints import failpoint
from mtlray.storage.seal import BrokenSealError, with_trailer, without_trailer
from mtlray.storage.store import Store

_KEPT = 2
# The first checkpoints had no number, and one generation.
_NAME = re.compile(r"checkpoint(?:-(\d+))?\.pt")


class Generations:
    """The checkpoints of one trial. The folder is listed once: one process at a time works on a trial.

    Part of `mtlray.results.trial_folder.TrialFolder`.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._known: list[str] | None = None

    def names(self) -> list[str]:
        """The files, newest first."""
        if self._known is None:
            found = [name for name in self._store.names(self._folder) if _NAME.fullmatch(name)]
            self._known = sorted(found, key=_number, reverse=True)
        return list(self._known)

    def write(self, data: bytes) -> None:
        """Add a checkpoint, then remove all but the two newest. Raises OSError."""
        before = self.names()
        name = f"checkpoint-{_number(before[0]) + 1 if before else 1}.pt"
        self._store.write(f"{self._folder}/{name}", with_trailer(data))
        failpoint("checkpoint-written")
        self._known = [name, *before]
        for old in self._known[_KEPT:]:
            self._store.delete(f"{self._folder}/{old}")
            self._known.remove(old)
        failpoint("checkpoint-pruned")

    def read(self, name: str) -> bytes:
        """The bytes that were written. Raises BrokenSealError where they are not, and OSError."""
        return without_trailer(self._store.read(f"{self._folder}/{name}"))

    def set_aside(self, name: str) -> str:
        """Keep a file that does not load under another name, which is returned."""
        aside = name.removesuffix(".pt") + ".damaged"
        self._store.write(f"{self._folder}/{aside}", self._store.read(f"{self._folder}/{name}"))
        self._store.delete(f"{self._folder}/{name}")
        self._known = [other for other in self.names() if other != name]
        return aside

    def delete(self) -> None:
        """Remove all; nothing happens where there are none. The oldest goes first, so that the newest is there to the end."""
        for name in reversed(self.names()):
            self._store.delete(f"{self._folder}/{name}")
        self._known = []


def _number(name: str) -> int:
    match = _NAME.fullmatch(name)
    return int(match[1] or 0) if match else 0


__all__ = ["BrokenSealError", "Generations"]
