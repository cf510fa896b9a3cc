"""What the names of files and of an archive's members say: which are side files, and which kind an ending names."""

from pathlib import PurePath

_FOLDERS = {"__macosx"}
_FILES = {"thumbs.db", "desktop.ini"}


def is_side_file(path: str | PurePath) -> bool:
    """Whether a desktop left this file, and nobody's data: `._x` and `__MACOSX` of macOS, hidden files, Windows' own.

    The path is relative to the folder or archive that is read, so that the folders above it do not count.
    """
    parts = PurePath(path).parts
    folded = [part.lower() for part in parts]
    return bool(parts) and (parts[-1].startswith(".") or folded[-1] in _FILES or not _FOLDERS.isdisjoint(folded))


def has_ending(path: str | PurePath, *endings: str) -> bool:
    """Whether a name ends in one of `endings` (".jpg"), in capitals or not: cameras and Windows write `.JPG`."""
    return PurePath(path).name.lower().endswith(endings)
