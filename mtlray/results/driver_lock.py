"""One driver a sweep, or one for each part of it: how a results folder is taken, held, and taken over from a driver that is gone.

On one machine the system's own lock decides, and it is freed when its holder dies, however it dies. Where that does not reach
(another host, an object store, a disk that does not lock), the holder's file `driver.json` does: its beat changes every few
seconds, and a second driver watches it for longer than that before it takes over. No clocks of two hosts are compared.
"""

import contextlib
import copy
import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace

from mtlray.errors import LaunchError, ResultsError, StoreError
from mtlray.results.fence import Fence
from mtlray.results.owner import BEAT_SECONDS, WATCH_SECONDS, Owner, described, holder, holders
from mtlray.results.part import WHOLE, Part
from mtlray.storage.store import Store
from mtlray.storage.system_lock import NoLocksError, SystemLock


class DriverLock:
    """Held by the command that writes to a sweep, or to a part of it. Raises LaunchError on entry where another one lives.

    The whole excludes each part, and parts exclude each other unless they are different ones of one division. While it is held,
    `store` changes nothing once another driver has taken over.
    """

    def __init__(
        self,
        store: Store,
        part: Part = WHOLE,
        *,
        watch_seconds: float = WATCH_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._guarded = store
        self._store = copy.copy(store)
        self._part = part
        self._locks: list[SystemLock] = []
        self._watch_seconds, self._beat_seconds = watch_seconds, beat_seconds
        self._owner = Owner.me()
        self.fence = Fence(self._owner.token, part)
        """The right to write under this lock, for workers."""
        self._running: tuple[str, ...] = ()
        self._ended = threading.Event()
        self._changed = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self.on_loss: Callable[[], None] = lambda: None
        self.lost = threading.Event()
        """Set when another driver has taken the sweep over because this one did not beat for too long."""

    def __enter__(self) -> "DriverLock":
        if self._store.local is not None and not self._store.local.exists():
            return self
        try:
            self._take_system_locks()
            self._wait_for_others()
            self._store.write(self._part.file, self._text())
            self._settle()
        except StoreError:
            self._release()
            raise
        except OSError as error:
            self._release()
            raise ResultsError(
                f"Results should be written to {self._store.where('')}. Found: {error}. "
                "Make that folder writable, or choose another place with --results."
            ) from error
        except BaseException:
            self._release()
            raise
        self.fence.protect(self._guarded)
        self._thread = threading.Thread(target=self._beat, name="mtlray-heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._guarded.guard = None
        if self._thread is not None:
            self._ended.set()
            self._changed.set()
            self._thread.join()
            self._withdraw()
        self._release()

    def note_running(self, trial_ids: Collection[str]) -> None:
        """Tell readers which trials run now: at once on a disk, within about a second on an object store."""
        self._running = tuple(sorted(trial_ids))
        if self._thread is not None and self._store.local is not None:
            with contextlib.suppress(OSError):
                self._write_beat()
        else:
            self._changed.set()

    def check(self) -> None:
        """Raise LostLockError where another driver has taken over; StoreError where that cannot be read."""
        if self._thread is not None:
            self.fence.check(self._store)

    # -- taking it

    def _take_system_locks(self) -> None:
        """Hold the part's lock, and beside other parts that of the whole. Without locks on this disk the files decide alone."""
        folder, part = self._store.local, self._part
        if folder is None:
            return
        wanted = [SystemLock(folder / WHOLE.lock_file, shared=part != WHOLE)]
        wanted += [SystemLock(folder / part.lock_file)] if part != WHOLE else []
        for lock in wanted:
            try:
                taken = lock.take(0.5)  # `status` may be looking at it just now
            except NoLocksError:
                self._release()
                return
            if not taken:
                raise self._held(self._others())
            self._locks.append(lock)

    def _others(self) -> dict[Part, Owner]:
        """The drivers of all parts that overlap this one and are not known to be dead."""
        found = holders(self._store)
        return {
            part: owner
            for part, owner in found.items()
            if part.overlaps(self._part) and owner.token != self._owner.token and owner.is_alive() is not False
        }

    def _wait_for_others(self) -> None:
        """Return where nobody holds the sweep; silent drivers of other hosts are watched first, and then replaced."""
        first = self._others()
        deadline = time.monotonic() + self._watch_seconds
        now = first
        while now:
            for part, owner in now.items():
                before = first.get(part)
                if owner.is_alive() or before is None or (before.token, before.beat) != (owner.token, owner.beat):
                    raise self._held({part: owner})
            if time.monotonic() >= deadline:
                break
            time.sleep(min(0.5, self._watch_seconds / 4))
            now = self._others()
        for part in holders(self._store):
            if part != self._part and part.overlaps(self._part):
                self._store.delete(part.file)  # or its workers would still be in the right

    def _settle(self) -> None:
        """Of two that came at once, the last to write a file has it, and none has a part that overlaps the other's.

        Without a system's lock that takes a while.
        """
        if not self._locks:
            time.sleep(min(2.0, self._watch_seconds / 4))
        now = holder(self._store, self._part)
        if now is None or now.token != self._owner.token:
            raise self._held({self._part: now} if now is not None else {})
        if others := self._others():
            self._withdraw()
            raise self._held(others)

    def _held(self, others: Mapping[Part, Owner]) -> LaunchError:
        """The error where others hold it, or nobody who has said so."""
        who = "; ".join(described(others)) or f"{self._store.where(self._part.lock_file)} is locked"
        what, remedy = "this sweep", "Wait for it, or stop it; `mtlray status` shows its progress."
        if any(part not in (WHOLE, self._part) for part in others) and self._part != WHOLE:
            what = "a part of this sweep that was divided otherwise"
            remedy = (
                "Divide it as that one does, in as many parts and with packs or without, or wait until none of its parts is "
                "being worked on: the same command then runs what they left."
            )
        elif self._part in others and self._part != WHOLE:
            what = f"{self._part.words()} of this sweep"
            remedy = (
                "Give each job another --shard; or wait for that one, or stop it. `mtlray status` shows its progress."
            )
        elif self._part == WHOLE and any(part != WHOLE for part in others):
            what = "parts of this sweep"
            remedy = "Wait until they have ended, or stop them; `mtlray status` shows their progress."
        return LaunchError(f"Another `mtlray` is working on {what} ({who}). {remedy}")

    def _withdraw(self) -> None:
        """Remove the file, if it is still this driver's."""
        with contextlib.suppress(OSError):
            now = holder(self._store, self._part)
            if now is not None and now.token == self._owner.token:
                self._store.delete(self._part.file)

    def _release(self) -> None:
        for lock in self._locks:
            lock.release()
        self._locks = []

    # -- holding it

    def _text(self) -> bytes:
        return json.dumps(asdict(self._owner), indent=1).encode()

    def _beat(self) -> None:
        while not self._ended.is_set():
            self._changed.wait(self._beat_seconds)
            self._changed.clear()
            if self._ended.wait(min(1.0, self._beat_seconds)):  # at most one write a second
                return
            with contextlib.suppress(OSError):  # a full disk: the system's lock still holds
                self._write_beat()
            if self.lost.is_set():
                return

    def _write_beat(self) -> None:
        """Also the first thing that a driver does that was frozen: it must not write over what replaced it."""
        with self._writing:
            if self.lost.is_set():
                return
            if self._is_replaced():
                self.lost.set()
                self.on_loss()
                return
            changes = {"beat": self._owner.beat + 1, "beat_at": time.time(), "running": self._running}
            self._owner = replace(self._owner, **changes)  # type: ignore[arg-type]  # one of each type
            self._store.write(self._part.file, self._text(), durable=False)

    def _is_replaced(self) -> bool:
        now = holder(self._store, self._part)
        if now is not None:
            return now.token != self._owner.token
        return bool(self._others())  # a file that a person removed is written anew
