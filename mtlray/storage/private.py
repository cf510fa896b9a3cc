"""Private places: whether anybody else could change what lies at a path, and files that nobody else can read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_MOST_LINKS = 40  # as Linux follows
_ROOT = 0


def not_private(path: Path) -> str | None:
    """Who else could change the file or folder at `path`, in words with its remedy; None if only this user and root could.

    The path itself should belong to this user. The folders above it, and symbolic links on the way, should belong to this user or
    to root, and nobody else may write there; but a folder such as /tmp, where each may remove only what is their own, may lie on
    the way. A group counts as nobody else where it is this user's alone. Raises OSError where there is no such path.
    """
    ways = list(_ways(path))
    for i, way in enumerate(ways):
        found = way.lstat()
        owners = {os.geteuid()} if i == len(ways) - 1 else {os.geteuid(), _ROOT}
        if found.st_uid not in owners:
            return f"{way} belongs to user {found.st_uid} and not to user {os.geteuid()}. Remove it, or choose another place."
        if stat.S_ISLNK(found.st_mode):
            continue
        last = i == len(ways) - 1
        if found.st_mode & stat.S_ISVTX and not last:
            continue
        if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not _is_own_group(found.st_gid)):
            return f"Others may write to {way}. Take that right away with `chmod go-w {way}`, or choose another place."
    return None


def write_private(path: Path, text: str) -> None:
    """Make a file that only this user can read, from its first moment. Raises FileExistsError where the name is taken."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _ways(path: Path) -> Iterator[Path]:
    """Each folder and each symbolic link that the system passes on its way to `path`, and where it ends."""
    left = list(reversed(Path(os.path.abspath(path)).parts[1:]))  # noqa: PTH100  # resolve() would leave the links out
    at, links = Path("/"), 0
    yield at
    while left:
        name = left.pop()
        if name == "..":
            at = at.parent
            continue
        here = at / name
        yield here
        if not here.is_symlink():
            at = here
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(f"Too many symbolic links on the way to {path}")
        target = Path(os.readlink(here))  # noqa: PTH115
        if target.is_absolute():
            at = Path("/")
        left += reversed([part for part in target.parts if part != "/"])


def _is_own_group(number: int) -> bool:
    """Whether a group is the one that many systems make for each user, with nobody else in it."""
    import grp
    import pwd

    try:
        me, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(number)
    except KeyError:  # neither has a name in some containers, and then who is in it cannot be told
        return False
    return group.gr_name == me.pw_name and number == me.pw_gid and set(group.gr_mem) <= {me.pw_name}
