"""A disk that does not let itself be read for a while, or on which there are no locks or syncs."""

import builtins
import errno
import fcntl
import io
import os
import stat

import pytest

NUMBERS = [errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EACCES, errno.ENOTCONN]
NOT_KNOWN = [errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL, errno.ENOSYS]


def words(number):
    return errno.errorcode[number]


class BadDisk:
    """Fails every read of files and folders with `part` in their path, up to `times` times; what is written is written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.failures = 0
        monkeypatch.setattr("mtlray.storage.patience.PAUSES", (0.0, 0.0, 0.0))

    def fails(self, part, number, times=10**9):
        def check(path):
            if isinstance(path, (str, os.PathLike)) and part in os.fspath(path) and self.failures < times:
                self.failures += 1
                raise OSError(number, os.strerror(number), os.fspath(path))

        for place, name in ((builtins, "open"), (io, "open"), (os, "scandir"), (os, "listdir"), (os, "stat")):
            real = getattr(place, name)

            def failing(path=".", *arguments, real=real, name=name, **options):
                mode = str(arguments[0] if arguments else options.get("mode", "r"))
                if name != "open" or not set(mode) & set("wax+"):
                    check(path)
                return real(path, *arguments, **options)

            self._monkeypatch.setattr(place, name, failing)

    def heals(self):
        self._monkeypatch.undo()


def without_locks(monkeypatch, number):
    def flock(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)


def without_syncs(monkeypatch, number, *, of_files):
    real = os.fsync

    def fsync(descriptor):
        if of_files or stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
