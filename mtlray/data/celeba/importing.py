"""CelebA from its official files: two lists, and the aligned pictures in their zip file or in a folder."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from mtlray.checks import require
from mtlray.data.celeba.lists import ARCHIVE, ATTRIBUTE_LIST, PART_LIST, Lists, read_lists, require_published
from mtlray.data.files import prepared
from mtlray.data.files.of_size import folder_of_size
from mtlray.data.files.record import is_here
from mtlray.errors import DataError
from mtlray.reading.archives import ZipMembers
from mtlray.reading.causes import Cause, ReadError, guarded, nothing_imported
from mtlray.reading.inside import files_below
from mtlray.reading.pictures import read_picture

_FOLDERS = ("", "Anno", "Eval", "Img")
"""Where the official files lie below the folder that is brought: all in one, or as on the authors' drive."""
_REPORT_EVERY = 10_000


def import_celeba(path: Path, root: Path, *, size: int, say: Callable[[str], None]) -> str:
    """Store the pictures below `path`, `size` pixels square, with their attributes below `root`; returns what was imported.

    Each picture is squeezed to a square by bilinear interpolation, as the published code on this data set does. Raises DataError
    for a list or an archive that is not the published one, and for a picture that is missing or damaged; then nothing is stored.
    """
    require(size >= 32, "size", "be at least 32 pixels", size)
    folder = folder_of_size(root, "celeba", size)
    if is_here(folder):
        raise DataError(
            f"CelebA of {size} pixels should be imported once. Found it in {folder}. Remove that folder to import it again."
        )
    with nothing_imported():
        lists = read_lists(_official(path, ATTRIBUTE_LIST), _official(path, PART_LIST))
        with _pictures(path, say) as (read, there, compared):
            _require_all(lists, there, path)
            mark = prepared.prepare_rows(folder, lambda writer: _write(writer, lists, read, size, say))
    counts = tuple(len(names) for names in lists.names.values())
    return (
        f"CelebA: {counts[0]:,} training, {counts[1]:,} validation and {counts[2]:,} test pictures of {size} pixels; {compared}. "
        f"Now in {folder}, fingerprint {mark}. In a sweep: CelebA(image_size={size})."
    )


def _official(path: Path, name: str) -> Path:
    """A file below what is brought. Raises ReadError where it is in none of the usual folders."""
    for folder in _FOLDERS:
        with guarded(f"`{path}`", "a folder with CelebA"):
            if (path / folder / name).is_file():
                return path / folder / name
    raise ReadError(
        f"`{path}`", f"a folder with {name}, or one that holds it in Anno or Eval", "none in it", Cause.MISSING
    )


@contextlib.contextmanager
def _pictures(path: Path, say: Callable[[str], None]) -> Iterator[tuple[Callable[[str], bytes], set[str], str]]:
    """What reads a picture by its name, the names that are there, and whether their content was compared, in words."""
    for above in _FOLDERS:
        unpacked, archive = path / above / Path(ARCHIVE).stem, path / above / ARCHIVE
        if archive.is_file():
            say(f"comparing {archive.name} with its published checksum")
            with ZipMembers(archive) as members:
                require_published(archive)
                of_name = {Path(name).name: name for name in members.names}
                yield partial(_read_member, members, of_name), set(of_name), "all files have the published checksums"
            return
        if unpacked.is_dir():
            words = "the lists have the published checksums, which pictures in a folder have not"
            yield partial(_read_file, unpacked), set(files_below(unpacked)), words
            return
    raise ReadError(f"`{path}`", f"a folder with {ARCHIVE}, or with it unpacked", "neither in it", Cause.MISSING)


def _read_member(members: ZipMembers, of_name: Mapping[str, str], name: str) -> bytes:
    return members.read(of_name[name])


def _read_file(folder: Path, name: str) -> bytes:
    with guarded(f"`{folder / name}`", "a picture"):
        return (folder / name).read_bytes()


def _require_all(lists: Lists, there: set[str], path: Path) -> None:
    """Raise ReadError where a picture of the lists is missing."""
    wanted = [name for names in lists.names.values() for name in names]
    missing = [name for name in wanted if name not in there]
    if missing:
        found = f"{len(missing):,} of {len(wanted):,} that are not there, such as {missing[0]}"
        raise ReadError(f"The pictures in `{path}`", f"all those of {ATTRIBUTE_LIST}", found, Cause.MISSING)


def _write(
    writer: prepared.Writer, lists: Lists, read: Callable[[str], bytes], size: int, say: Callable[[str], None]
) -> None:
    for split, names in lists.names.items():
        with writer.rows(f"{split}-images", (len(names), 3, size, size), "|u1") as append:
            for i, name in enumerate(names, 1):
                append(_square(read(name), name, size)[None])
                if i % _REPORT_EVERY == 0 or i == len(names):
                    say(f"{split}: {i:,} of {len(names):,} pictures")
        writer.whole(f"{split}-labels", lists.attributes[split])
    writer.about["origin"] = "celeba"


def _square(content: bytes, name: str, size: int) -> np.ndarray:
    picture = read_picture(content, f"`{name}`", "RGB")
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
