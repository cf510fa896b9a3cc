"""Write beside, then rename: a file or a folder gets its name once it is whole, and a failure leaves nothing under that name."""

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from mtlray.storage.failpoints import failpoint
from mtlray.storage.syncing import sync_file, sync_folder

# Temporary names end with this, and every reader passes them over.
TEMPORARY = ".tmp"


@contextlib.contextmanager
def new_file(path: Path, *, durable: bool = True, approve: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """A temporary path in the same folder, which the block writes and which then replaces `path`.

    With `durable` the file and its name survive a power cut, where the disk knows how. If the block raises, or `approve`, which
    is called last of all, `path` stays as it was. Raises OSError.
    """
    temporary = _temporary(path)
    try:
        yield temporary
        failpoint("write-flushed")
        if durable:
            _sync(temporary)
        failpoint("write-synced")
        approve()
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    failpoint("write-renamed")
    if durable:
        sync_folder(path.parent)  # makes the rename itself survive a power cut


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty temporary folder, which the block fills and which is then renamed to `path`.

    If the block raises, there is no `path`. Files that have to survive a power cut are synced by the block. Raises OSError,
    also where another process has made `path` meanwhile.
    """
    temporary = _temporary(path)
    temporary.mkdir()
    try:
        yield temporary
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it: readers see it whole or not at all. Raises OSError.

    Where the process is killed meanwhile, the rest has a temporary name, which `remove_leftovers` knows.
    """
    temporary = _temporary(path)
    path.rename(temporary)
    shutil.rmtree(temporary)


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left beside `path`. Only for a caller whose lock keeps other writers of `path` away."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}{re.escape(TEMPORARY)}")
    for leftover in path.parent.iterdir():
        if pattern.fullmatch(leftover.name):  # not what is written beside `path.more`
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{TEMPORARY}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)  # some disks refuse to sync what is open for reading alone
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)
