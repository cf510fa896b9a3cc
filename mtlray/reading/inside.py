"""Names that come out of files, and the paths that they may stand for: none outside the folder that they are in."""

import os
import re
from pathlib import Path, PurePosixPath

from mtlray.reading.causes import Cause, ReadError, guarded

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def leads_outside(name: str) -> bool:
    """Whether a path leads out of the folder that it is relative to, on Windows or elsewhere."""
    posix = name.replace("\\", "/")
    return posix.startswith("/") or bool(_DRIVE.match(name)) or ".." in PurePosixPath(posix).parts or "\0" in name


def inside(folder: Path, name: str, said_by: str) -> Path:
    """The path of `name` in `folder`. Raises ReadError for a name that leads outside; `said_by` is the file that has it."""
    if leads_outside(name):
        raise ReadError(said_by, "a file whose names stay inside", f"`{name}`, which leads outside", Cause.HOSTILE)
    return folder / name


def files_below(folder: Path) -> list[str]:
    """The paths of all files below a folder, relative to it, sorted. Raises ReadError; rglob passes over what it may not list."""

    def refuse(error: OSError) -> None:
        raise error

    with guarded(f"`{folder}`", "a folder that can be listed"):
        found = [Path(at, name) for at, _, names in os.walk(folder, onerror=refuse) for name in names]
        return sorted(path.relative_to(folder).as_posix() for path in found if path.is_file())
