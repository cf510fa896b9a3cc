"""The system's lock on a file, freed when its holder dies, however it dies; and what to do on a disk that does not lock.

flock itself and no library: filelock has no shared locks, and where there is no flock its versions take a lock of another kind,
warn or refuse.
"""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from mtlray.storage.syncing import UNSUPPORTED

_BUSY = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
_LOOK_SECONDS = 0.05


class NoLocksError(OSError):
    """The disk does not lock."""


class SystemLock:
    """A lock on a file that is made for it and stays. Several may hold a `shared` one at once, and nobody beside another."""

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        self._operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._descriptor: int | None = None

    def take(self, seconds: float | None = None) -> bool:
        """Whether it is held now: False where another holds it for so many seconds; None waits for ever.

        Raises NoLocksError where the disk does not lock, and OSError.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            deadline = None if seconds is None else time.monotonic() + seconds
            while not _locked(descriptor, self._operation):
                if deadline is not None and time.monotonic() >= deadline:
                    return False
                time.sleep(_LOOK_SECONDS)
            self._descriptor, descriptor = descriptor, -1
            return True
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def release(self) -> None:
        """Does nothing where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)  # frees it: nobody else has this descriptor
            self._descriptor = None


def is_locked(path: Path) -> bool:
    """Whether anybody holds a lock on a file alone; False where there is no such file, and on a disk that does not lock.

    Raises OSError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)
    except NoLocksError:
        return False
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def alone(path: Path, seconds: float | None = None) -> Iterator[bool]:
    """Around what one process does while others wait for it, by a lock on the file `path`. Raises OSError.

    Gives False where the disk does not lock, at once, and where another holds the lock for so many seconds: others may then do
    the same at the same time, and the block has to end well all the same.
    """
    lock = SystemLock(path)
    try:
        locked = lock.take(seconds)
    except NoLocksError:
        locked = False
    try:
        yield locked
    finally:
        lock.release()


def _locked(descriptor: int, operation: int) -> bool:
    """Whether the lock is taken now; False where another has it. Raises NoLocksError and OSError."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        if error.errno in UNSUPPORTED:
            raise NoLocksError(error.errno, error.strerror) from error
        raise
    return True
