"""Fencing: whoever writes to a sweep shows the token of its driver, and a driver that was replaced has one that is not taken."""

import copy
import time
from dataclasses import dataclass

from mtlray.errors import LostLockError
from mtlray.results.owner import holder
from mtlray.results.part import WHOLE, Part
from mtlray.storage.store import Store

# Seconds between two looks for a file that is not there or not whole: some disks replace a file by removing it first.
_PAUSES = (0.05, 0.2, 0.5)


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write to a sweep, or a part of it, as long as its driver's `token` is the one in the driver's file.

    It goes with a launch's job to every worker.
    """

    token: str
    part: Part = WHOLE

    def protect(self, store: Store) -> None:
        """Let a store change nothing without asking. Each file then costs two small reads more, on an object store one."""
        unguarded = copy.copy(store)
        store.guard = lambda: self.check(unguarded)

    def check(self, store: Store) -> None:
        """Raise LostLockError where another driver holds the sweep, or nobody does; StoreError where that cannot be read."""
        for pause in (*_PAUSES, None):
            owner = holder(store, self.part)
            if owner is not None and owner.token == self.token:
                return
            if owner is not None or pause is None:
                break
            time.sleep(pause)
        folder = store.where("").rstrip("/")
        why = (
            f"The `mtlray` that this belongs to no longer holds {folder}: it has ended, or another one took over."
            if owner is None
            else f"Another `mtlray` ({owner.words()}) took over {folder}, because this one showed no sign of life for too long."
        )
        raise LostLockError(
            f"{why} Nothing more is written here. `mtlray status` shows its progress; finished trials are kept."
        )
