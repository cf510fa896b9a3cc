"""Scratch: what a launch needs for its own time lies in one private folder, and a later launch removes what killed ones left.

A launch holds the system's lock on its folder, which is freed when its process dies, however it dies.
"""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mtlray.errors import LaunchError

# The longest path of a socket, less what Ray puts behind its folder: `/session_<26 characters>_<process>/sockets/plasma_store`.
_LONGEST_FOLDER = 107 - len("/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")
_PREFIX, _RANDOM = ".mtlray-", 8  # as many characters as `mkdtemp` adds
RAY = "r"
"""Where Ray's files are in a launch's folder."""
LONGEST_PLACE = _LONGEST_FOLDER - len(f"/{_PREFIX}/{RAY}") - _RANDOM
"""Bytes of a path below which Ray's sockets fit."""

_NAME = re.compile(re.escape(_PREFIX) + rf"[a-z0-9_]{{{_RANDOM}}}")
_MARK = "launch"  # only a folder with this file is ours to remove
_REMOVING_SECONDS = 2.0  # processes of Ray that are about to die still write


def places() -> list[Path]:
    """Where a launch may keep its folder, the first choice first: what the user says, then what systems have."""
    named = [os.environ.get("RAY_TMPDIR"), _temporary(), "/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR")]
    found = dict.fromkeys(Path(text) for text in named if text)
    return [place for place in found if place.is_absolute() and place.is_dir() and os.access(place, os.W_OK | os.X_OK)]


def short_place() -> Path | None:
    """The first of these that is short enough for the paths of Ray's sockets."""
    return next((place for place in places() if len(os.fsencode(place)) <= LONGEST_PLACE), None)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A private folder for this launch, with a path that is short enough for Ray. Removed at the end, with what others left.

    Raises LaunchError where there is no place for it.
    """
    remove_leftovers()
    place = short_place()
    if place is None:
        found = ", ".join(map(str, places())) or "no folder that can be written"
        raise LaunchError(
            f"Ray keeps sockets in a temporary folder, whose path should have at most {LONGEST_PLACE} bytes. Found {found}. Set "
            "TMPDIR or RAY_TMPDIR to a shorter one, or run without Ray with --in-process."
        )
    try:
        folder, held = _made(place)
    except OSError as error:
        raise LaunchError(
            f"A launch keeps temporary files in {place}. Found: {error}. Set TMPDIR to another folder of at most "
            f"{LONGEST_PLACE} bytes, or run without Ray with --in-process."
        ) from error
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(held)
        remove_leftovers()


@contextlib.contextmanager
def without_leftovers() -> Iterator[None]:
    """Around a launch that needs no folder: remove what killed ones left, before it and, for what they still wrote, after it."""
    remove_leftovers()
    try:
        yield
    finally:
        remove_leftovers()


def remove_leftovers() -> None:
    """Remove the folders of launches whose processes are gone."""
    for place in places():
        with contextlib.suppress(OSError):
            for folder in place.iterdir():
                if _NAME.fullmatch(folder.name):
                    with contextlib.suppress(OSError):
                        _remove_if_left(folder)


def _temporary() -> str | None:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # nothing can be written, anywhere
        return None


def _made(place: Path) -> tuple[Path, int]:
    """A new folder, and what holds the lock on it. Raises OSError."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        try:
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # another launch has just taken it for a leftover
        try:
            with contextlib.suppress(OSError):  # a disk without locks, where nobody can tell that it is left
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (folder / _MARK).write_text(f"process {os.getpid()}\n")
            return folder, held
        except FileNotFoundError:
            os.close(held)
        except BaseException:
            os.close(held)
            raise


def _remove_if_left(folder: Path) -> None:
    """Raises OSError where it is not ours, or its launch lives."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(held).st_uid != os.geteuid() or stat.S_IMODE(os.fstat(held).st_mode) & 0o077:
            return
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if (folder / _MARK).is_file():
            _remove(folder)
        else:
            folder.rmdir()  # killed before it was marked
    finally:
        os.close(held)


def _remove(folder: Path) -> None:
    """What is not removed now keeps its mark."""
    deadline = time.monotonic() + _REMOVING_SECONDS
    while True:
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                elif entry.name != _MARK:
                    entry.unlink(missing_ok=True)
            (folder / _MARK).unlink(missing_ok=True)
            try:
                folder.rmdir()
            except OSError:
                (folder / _MARK).touch()  # still known as ours
                raise
        if not folder.exists() or time.monotonic() > deadline:
            return
        time.sleep(0.1)
