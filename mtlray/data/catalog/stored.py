"""What is prepared below a data folder: how large it is, and how it is removed. Sources stay, unless they are asked for."""

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtlray.data.catalog.importable import IMPORTABLE
from mtlray.data.files.maker import class_in
from mtlray.data.files.record import RECORD, read_record
from mtlray.data.multi_mnist.digits import SOURCES
from mtlray.errors import DataError, SpecError, unknown_name
from mtlray.storage.beside import TEMPORARY, remove_folder, remove_leftovers
from mtlray.storage.in_use import users_of
from mtlray.storage.system_lock import NoLocksError, SystemLock

_DIGEST = re.compile(r"-[0-9a-f]{8}$")


@dataclass(frozen=True, slots=True)
class Stored:
    """A folder of arrays: its path below the data folder, its size, and what its record says."""

    folder: Path
    name: str
    n_bytes: int
    fingerprint: str
    """Empty where the record does not open."""
    made_by: str
    """The class and the digest of its code, for a data set that is not mtlray's own."""
    source: str
    """The source that was imported to it, where it is an import, which cannot be made again without the source."""

    def is_called(self, name: str) -> bool:
        """Whether a name that is typed means this folder: its path, its own name, or that without the digest: a key."""
        return name in (self.name, self.folder.name, _DIGEST.sub("", self.folder.name))

    def is_made_from(self, source: str) -> bool:
        """Whether its arrays come from a source of `mtlray data list`."""
        made = self.folder.parent.name == "prepared"
        return self.source == source or (made and source in words_of(self.folder.name))


def words_of(folder: str) -> list[str]:
    """What the name of a folder of arrays consists of: a key, details, the source or both of two sources, a digest."""
    return re.split("-|_and_", folder)


def stored(root: Path) -> list[Stored]:
    """The folders of arrays at most three levels below a data folder, by their path; none are changed."""
    folders = list(_below(root, 3))
    found = [_stored(folder, root) for folder in folders if (folder / RECORD).is_file()]
    return sorted((one for one in found if one is not None), key=lambda one: one.name)


def describe_stored(root: Path) -> str:
    """A line for each folder of arrays, with its size, and the way to remove it."""
    found = stored(root)
    if not found:
        return f"Nothing is prepared in {root}."
    width = max(len(one.name) for one in found)
    lines = [
        f"  {one.name:<{width}}  {_size(one.n_bytes):>10}  "
        + (f"fingerprint {one.fingerprint}" if one.fingerprint else "does not open")
        + (f", made by {one.made_by}" if one.made_by else "")
        for one in found
    ]
    total = _size(sum(one.n_bytes for one in found))
    return "\n".join([f"Prepared in {root}, {total} in all; `mtlray data remove NAME` removes it:", *lines])


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be removed: folders of arrays, and folders of sources."""

    arrays: tuple[Path, ...]
    sources: tuple[Path, ...]

    def text(self) -> str:
        """A line for each folder, with its size."""
        return "\n".join(f"  {folder}  {_size(_bytes(folder))}" for folder in (*self.arrays, *self.sources))

    def run(self) -> str:
        """Remove all; returns a line on it. Raises DataError where a folder is in use or being made, and removes none of them."""
        for folder in self.arrays:
            if users := users_of(folder):
                raise DataError(
                    f"Prepared data should be removed while nothing reads it. Process {', '.join(map(str, users))} uses "
                    f"{folder}. Wait until it has ended, or stop it, and run the same command again."
                )
        freed = sum(map(_bytes, (*self.arrays, *self.sources)))
        for folder in self.arrays:
            _under_its_lock(folder, remove_folder)
        for folder in self.sources:
            shutil.rmtree(folder)
        n = len(self.arrays) + len(self.sources)
        return f"{n} folder{'s' if n > 1 else ''} removed, {_size(freed)} freed."


def planned_removal(name: str, root: Path, *, sources: bool) -> Removal:
    """What the name of a folder, of a data set or of a source stands for; with `sources`, the sources themselves too.

    Raises SpecError for an unknown name, and for sources of what has none; DataError where nothing is there.
    """
    found, known = stored(root), {*SOURCES, *IMPORTABLE}
    named = [one for one in found if one.is_called(name) or (name in known and one.is_made_from(name))]
    if not named and name not in known:
        if not found:
            raise DataError(
                f"`{name}` should be prepared in {root}. Found nothing prepared there. Look with --data elsewhere."
            )
        raise unknown_name("prepared data", name, {one.name for one in found} | known)
    if sources and name not in known and not any(one.source for one in named):
        raise SpecError(f"--sources goes with a source: {', '.join(sorted(known))}. Found `{name}`. Leave it out.")
    arrays = tuple(one.folder for one in named if sources or not one.source)
    raw = tuple(folder for folder in _raw(name, root) if folder.is_dir()) if sources else ()
    if not arrays and not raw:
        kept = [one.name for one in named] + [
            str(folder.relative_to(root)) for folder in _raw(name, root) if folder.is_dir()
        ]
        hint = f" There are sources, which --sources removes: {', '.join(kept)}." if kept and not sources else ""
        raise DataError(f"Arrays made from {name} should lie in {root}. Found none.{hint}")
    return Removal(arrays, raw)


def _raw(name: str, root: Path) -> Sequence[Path]:
    """The folders that hold a source as it was downloaded or brought."""
    if name in SOURCES:
        files = SOURCES[name].files
        return () if files is None else (files.folder(root),)
    return (root / "downloads" / name,) if name in IMPORTABLE else ()


def _under_its_lock(folder: Path, act: Callable[[Path], None]) -> None:
    """Act on a folder that nobody makes meanwhile, as far as the disk locks. Raises DataError."""
    lock = SystemLock(folder.parent / f".{folder.name}.lock")
    try:
        with contextlib.suppress(NoLocksError):
            if not lock.take(0):
                raise DataError(
                    f"Prepared data should be removed while nobody makes it. Another process works on {folder}. Wait for it, "
                    "and run the same command again."
                )
            remove_leftovers(folder)
        act(folder)
    except OSError as error:
        raise DataError(
            f"Prepared data in {folder} should be removed. Found: {error}. Check whose folder it is."
        ) from error
    finally:
        lock.release()


def _below(above: Path, levels: int) -> Iterator[Path]:
    for folder in _folders(above):
        yield folder
        if levels > 1 and not (folder / RECORD).is_file():
            yield from _below(folder, levels - 1)


def _folders(above: Path) -> list[Path]:
    try:
        with os.scandir(above) as entries:
            names = [
                e.name for e in entries if e.is_dir() and not (e.name.startswith(".") or e.name.endswith(TEMPORARY))
            ]
    except OSError:
        return []
    return [above / name for name in sorted(names)]


def _stored(folder: Path, root: Path) -> Stored | None:
    """None for a folder whose `meta.json` is somebody else's."""
    name = folder.relative_to(root).as_posix()
    try:
        record = read_record(folder)
        mark, made_by = record.fingerprint, class_in(record.about)
    except DataError:
        if folder.parent.name != "prepared" and folder.parent.name not in IMPORTABLE:
            return None
        mark = made_by = ""
    source = folder.parent.name if folder.parent.name in IMPORTABLE and folder.parent.parent == root else ""
    return Stored(folder, name, _bytes(folder), mark, made_by, source)


def _bytes(folder: Path) -> int:
    files = (Path(above) / name for above, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size for path in files if path.exists())


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"
