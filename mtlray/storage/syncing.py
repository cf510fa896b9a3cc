"""Syncing: what is written survives a power cut, on disks that know how. Some know no sync of folders, and a few none at all."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

# What a disk answers to a lock or a sync that it does not know: NFS without its lock service, SMB, FUSE, overlays.
UNSUPPORTED = frozenset(
    {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EBADF, errno.EINVAL, errno.ENOSYS, errno.ENOTTY}
)
# A folder that one may write to and not list cannot be opened, so that it cannot be synced either.
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR})


def sync_file(descriptor: int) -> None:
    """Wait until the content of an open file is on the disk. Nothing happens where the disk knows no sync. Raises OSError."""
    with _tolerating(UNSUPPORTED):
        os.fsync(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk. Nothing happens where the disk knows no sync of folders.

    Raises OSError.
    """
    with _tolerating(UNSUPPORTED | _CLOSED):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _tolerating(numbers: frozenset[int]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in numbers:
            raise
