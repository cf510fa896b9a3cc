"""One driver a sweep: how a results folder is taken, held, and taken over from a driver that is gone.

On one machine the system's own lock decides, and it is freed when its holder dies, however it dies. Where that does not reach
(another host, an object store), the holder's file `driver.json` does: its beat changes every few seconds, and a second driver
watches it for longer than that before it takes over. No clocks of two hosts are compared.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from pathlib import Path

from filelock import FileLock, Timeout

from mtlray.errors import LaunchError, ResultsError, StoreError
from mtlray.results.owner import BEAT_SECONDS, FILE, WATCH_SECONDS, Owner, holder, lock_path
from mtlray.storage.store import Store


class DriverLock:
    """Held by the command that writes to a sweep. Raises LaunchError on entry where another one lives."""

    def __init__(
        self, store: Store, *, watch_seconds: float = WATCH_SECONDS, beat_seconds: float = BEAT_SECONDS
    ) -> None:
        self._store = store
        self._path = lock_path(store)
        self._lock: FileLock | None = None
        self._watch_seconds, self._beat_seconds = watch_seconds, beat_seconds
        self._owner = Owner.me()
        self._running: tuple[str, ...] = ()
        self._ended = threading.Event()
        self._changed = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self.on_loss: Callable[[], None] = lambda: None
        self.lost = threading.Event()
        """Set when another driver has taken the sweep over because this one did not beat for too long."""

    def __enter__(self) -> "DriverLock":
        if self._path is not None:
            if not self._path.parent.exists():
                return self
            self._take_system_lock(self._path)
        try:
            self._wait_for_other_hosts()
            self._store.write(FILE, self._text())
            if self._path is None:
                self._settle()
        except StoreError:
            self._release()
            raise
        except OSError as error:
            self._release()
            raise ResultsError(f"Results should be written to {self._store.where('')}. Found: {error}.") from error
        except BaseException:
            self._release()
            raise
        self._thread = threading.Thread(target=self._beat, name="mtlray-heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._thread is not None:
            self._ended.set()
            self._changed.set()
            self._thread.join()
            if not self.lost.is_set():
                with contextlib.suppress(OSError):
                    self._store.delete(FILE)
        self._release()

    def note_running(self, trial_ids: Collection[str]) -> None:
        """Tell readers which trials run now: at once on a disk, within about a second on an object store."""
        self._running = tuple(sorted(trial_ids))
        if self._thread is not None and self._path is not None:
            with contextlib.suppress(OSError):
                self._write_beat()
        else:
            self._changed.set()

    # -- taking it

    def _take_system_lock(self, path: Path) -> None:
        self._lock = FileLock(path)
        try:
            self._lock.acquire(timeout=0.5)  # `status` may be looking at it just now
        except Timeout:
            self._lock = None
            raise self._held(holder(self._store)) from None
        except OSError as error:
            self._lock = None
            raise ResultsError(f"Results should be written to {path.parent}. Found: {error}.") from error

    def _wait_for_other_hosts(self) -> None:
        """Return where nobody holds the sweep; a silent driver of another host is watched first."""
        first = holder(self._store)
        if first is None:
            return
        alive = first.is_alive()
        if alive is False:
            return
        if alive:
            raise self._held(first)
        deadline = time.monotonic() + self._watch_seconds
        while time.monotonic() < deadline:
            time.sleep(min(0.5, self._watch_seconds / 4))
            now = holder(self._store)
            if now is None:
                return
            if (now.token, now.beat) != (first.token, first.beat):
                raise self._held(now)

    def _settle(self) -> None:
        """Where there is no system lock, of two that came at once the last to write has it."""
        time.sleep(min(2.0, self._watch_seconds / 4))
        now = holder(self._store)
        if now is None or now.token != self._owner.token:
            raise self._held(now)

    def _held(self, owner: Owner | None) -> LaunchError:
        who = owner.words() if owner is not None else f"{self._path} is locked"
        return LaunchError(
            f"Another `mtlray` is working on this sweep ({who}). "
            "Wait for it, or stop it; `mtlray status` shows its progress."
        )

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

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
                now = holder(self._store)
                if now is not None and now.token != self._owner.token:
                    self.lost.set()
                    self.on_loss()
                    return
                self._write_beat()

    def _write_beat(self) -> None:
        with self._writing:
            changes = {"beat": self._owner.beat + 1, "beat_at": time.time(), "running": self._running}
            self._owner = replace(self._owner, **changes)  # type: ignore[arg-type]  # one of each type
            self._store.write(FILE, self._text(), durable=False)
