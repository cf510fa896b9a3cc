"""UTKFace from its folder or zip: age and gender are in the names, `<age>_<gender>_<race>_<time>.jpg.chip.jpg`.

Gender 0 is male and 1 female there. An `index.csv` beside the pictures with columns `file` and `split` (train, val) is followed;
else a fifth of the pictures, by name and a fixed seed, are for testing. Subjects are not known.
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from mtlray.data.faces.store import FEMALE, MALE, OLDEST, Dropped, Face, read_file, store_faces
from mtlray.data.files.of_size import folder_of_size
from mtlray.errors import DataError
from mtlray.randomness import numpy_generator
from mtlray.reading.archives import ZipMembers
from mtlray.reading.causes import Cause, ReadError, nothing_imported
from mtlray.reading.inside import files_below
from mtlray.reading.tables import read_csv
from mtlray.storage.names import has_ending, is_side_file

_NAME = re.compile(r"(\d{1,4})_(\d{1,4})_\d+_\d+\.jpe?g(\.chip\.jpe?g)?", re.IGNORECASE)
_GENDERS = {0: MALE, 1: FEMALE}
_INDEX = "index.csv"
_SPLITS = {"train": "train", "val": "test", "test": "test"}

Files = Mapping[str, Callable[[], bytes]]
"""What reads each file, by its name without folders."""


def import_utkface(path: Path, root: Path, *, size: int, say: Callable[[str], None]) -> str:
    """Store the faces of `path` below `root`; returns what was imported, in words. Raises DataError."""
    with nothing_imported(), contextlib.ExitStack() as stack:
        dropped = Dropped()
        files = _files(path, dropped, stack)
        splits = _splits(path, _faces(path, files, dropped), files, dropped)
        folder = folder_of_size(root, "utkface", size)
        mark = store_faces(folder, splits, size, dropped, {"origin": "utkface"}, say)
    counts = tuple(sum(face.name not in dropped.pictures for face in splits[split]) for split in ("train", "test"))
    return (
        f"UTKFace: {counts[0]:,} training and {counts[1]:,} test pictures of {size} pixels; "
        f"dropped: {dropped.summary(sum(counts))}. Now in {folder}, fingerprint {mark}. "
        f"In a sweep: UTKFace(n_images={counts}, image_size={size})."
    )


def _files(path: Path, dropped: Dropped, stack: contextlib.ExitStack) -> Files:
    """The files of a folder or a zip; side files are dropped, and all but the last of those with one name."""
    readers: dict[str, Callable[[], bytes]]
    if path.is_dir():
        readers = {name: partial(read_file, path / name) for name in files_below(path)}
    elif path.is_file():
        archive = stack.enter_context(ZipMembers(path))
        misnamed = archive.misnamed()
        for name, other in misnamed.items():
            error = ReadError(archive.shown(name), "a whole file", f"another name beside it: `{other}`", Cause.DAMAGED)
            if _INDEX in (Path(name).name, Path(other).name):
                raise error
            dropped.pictures[Path(name).name] = error
        readers = {name: partial(archive.read, name) for name in archive.names if name not in misnamed}
    else:
        raise DataError(f"`{path}` should be a folder or a zip file with UTKFace. Found nothing there.")
    files: dict[str, Callable[[], bytes]] = {}
    for name, read in readers.items():
        if is_side_file(name):
            dropped.add("side files of macOS or Windows")
            continue
        if Path(name).name in files:
            dropped.add("of the same name as another")
        files[Path(name).name] = read
    return files


def _faces(path: Path, files: Files, dropped: Dropped) -> dict[str, Face]:
    """The pictures whose names say an age and a gender, by name. Raises DataError where there are none."""
    faces = {}
    for name, read in sorted(files.items()):
        if name == _INDEX:
            continue
        if not has_ending(name, ".jpg", ".jpeg"):
            dropped.add("with another ending than .jpg or .jpeg")
            continue
        match = _NAME.fullmatch(name)
        if match is None:
            dropped.add("with another name than age_gender_race_time.jpg")
            continue
        age, gender = int(match[1]), int(match[2])
        if gender not in _GENDERS:
            raise DataError(
                f"The second number of `{name}` in `{path}` should be 0 (male) or 1 (female). Found {gender}. "
                "Nothing was imported."
            )
        if age > OLDEST:
            dropped.add(f"older than {OLDEST}")
            continue
        faces[name] = Face(name, read, age, _GENDERS[gender])
    if not faces:
        raise DataError(
            f"`{path}` should be a folder or a zip file with UTKFace's pictures, such as `26_1_2_20170116.jpg.chip.jpg`. "
            "Found none."
        )
    return faces


def _splits(path: Path, faces: Mapping[str, Face], files: Files, dropped: Dropped) -> dict[str, list[Face]]:
    if _INDEX in files:
        split_of = _index(path, files)
        for _ in faces.keys() - split_of.keys():
            dropped.add(f"that {_INDEX} does not name")
    else:
        names = sorted(faces)
        order = numpy_generator(0, "utkface test").permutation(len(names))
        test = {names[i] for i in order[: round(len(names) / 5)]}
        split_of = {name: "test" if name in test else "train" for name in names}
    return {split: [face for name, face in faces.items() if split_of.get(name) == split] for split in ("train", "test")}


def _index(path: Path, files: Files) -> dict[str, str]:
    """The split of each picture that index.csv names. Raises ReadError where it does not fit the pictures."""
    shown = f"`{_INDEX}` in `{path}`"
    split_of: dict[str, str] = {}
    for row in read_csv(files[_INDEX](), shown, "file", "split"):
        name, split = row["file"], row["split"]
        if split not in _SPLITS:
            found, wanted = f"`{split}` for `{name}`", f"a list whose column split says {' or '.join(_SPLITS)}"
            raise ReadError(shown, wanted, found, Cause.UNKNOWN_KIND, "Correct it, or fetch it again.")
        if name in split_of:
            raise ReadError(
                shown, "a list that names each picture once", f"`{name}` twice", Cause.UNKNOWN_KIND, "Remove one."
            )
        split_of[name] = _SPLITS[split]
    missing = sorted(split_of.keys() - files.keys())
    if missing:
        found = f"{len(missing):,} that are not there, such as `{missing[0]}`"
        raise ReadError(shown, "a list of pictures beside it", found, Cause.MISSING)
    return split_of
