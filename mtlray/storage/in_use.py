"""Which processes of this machine use the files of a folder, as far as the system tells: on Linux, processes of the same user."""

import os
from pathlib import Path

_PROCESSES = Path("/proc")


def users_of(folder: Path) -> list[int]:
    """The numbers of the processes that have a file of a folder mapped into memory or open; empty where that cannot be told."""
    inside = f"{folder.resolve()}/"
    entries = [entry for entry in _PROCESSES.iterdir() if entry.name.isdigit()] if _PROCESSES.is_dir() else []
    return sorted(int(entry.name) for entry in entries if _has_mapped(entry, inside) or _has_open(entry, inside))


def _has_mapped(process: Path, inside: str) -> bool:
    try:
        return inside in (process / "maps").read_text(errors="surrogateescape")
    except OSError:  # another user's, or gone since it was listed
        return False


def _has_open(process: Path, inside: str) -> bool:
    try:
        return any(_target(descriptor).startswith(inside) for descriptor in (process / "fd").iterdir())
    except OSError:
        return False


def _target(link: Path) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115  # a path that is none, such as `socket:[1]`
    except OSError:
        return ""
