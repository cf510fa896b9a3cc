"""UTKFace from its folder or zip: age and gender are in the names, `<age>_<gender>_<race>_<time>.jpg.chip.jpg`.

Gender 0 is male and 1 female there. An `index.csv` beside the pictures with columns `file` and `split` (train, val) is followed;
else a fifth of the pictures, by name and a fixed seed, are for testing. Subjects are not known.
"""

import csv
import io
import re
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mtlray.data.faces.store import FEMALE, MALE, OLDEST, Dropped, Face, open_file, store_faces
from mtlray.errors import DataError
from mtlray.randomness import numpy_generator
from mtlray.storage.names import has_ending, is_side_file

_NAME = re.compile(r"(\d+)_(\d+)_(\d+)_(\d+)\.jpe?g(\.chip\.jpe?g)?", re.IGNORECASE)
_GENDERS = {0: MALE, 1: FEMALE}


def import_utkface(path: Path, root: Path, *, size: int, say: Callable[[str], None]) -> str:
    """Store the faces of `path` below `root`; returns what was imported, in words. Raises DataError."""
    dropped = Dropped()
    files = _files(path, dropped)
    faces = {}
    for name, opened in sorted(files.items()):
        if not has_ending(name, ".jpg", ".jpeg"):
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
        faces[name] = Face(name, opened, age, _GENDERS[gender])
    if not faces:
        raise DataError(
            f"`{path}` should be a folder or a zip file with UTKFace's pictures, such as `26_1_2_20170116.jpg.chip.jpg`. "
            "Found none."
        )
    splits = _splits(path, faces, files)
    folder = root / "utkface" / f"{size}px"
    mark = store_faces(folder, splits, size, dropped, {"origin": "utkface"}, say)
    n = {split: len(of_split) for split, of_split in splits.items()}
    n_corrupt = {split: sum(c.split(":")[0] in {f.name for f in splits[split]} for c in dropped.corrupt) for split in n}
    counts = tuple(n[split] - n_corrupt[split] for split in ("train", "test"))
    return (
        f"UTKFace: {counts[0]:,} training and {counts[1]:,} test pictures of {size} pixels; dropped: {dropped.summary()}. "
        f"Now in {folder}, fingerprint {mark}. In a sweep: UTKFace(n_images={counts}, image_size={size})."
    )


def _files(path: Path, dropped: Dropped) -> dict[str, Callable[[], io.BytesIO]]:
    """The files of a folder or a zip, by name without folders; side files are dropped."""
    if path.is_dir():
        inside = [str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()]
        return {Path(name).name: partial(open_file, path / name) for name in _wanted(inside, dropped)}
    if not path.is_file():
        raise DataError(f"`{path}` should be a folder or a zip file with UTKFace. Found nothing there.")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise DataError(f"`{path}` should be a whole zip file. Found: {error}. Fetch it again.") from error

    def opened(name: str) -> io.BytesIO:
        try:
            return io.BytesIO(archive.read(name))
        except zipfile.BadZipFile as error:
            raise OSError(str(error)) from error

    inside = [name for name in archive.namelist() if not name.endswith("/")]
    return {Path(name).name: partial(opened, name) for name in _wanted(inside, dropped)}


def _wanted(names: list[str], dropped: Dropped) -> list[str]:
    wanted = [name for name in names if not is_side_file(name)]
    for _ in range(len(names) - len(wanted)):
        dropped.add("side files of macOS or Windows")
    return wanted


def _splits(path: Path, faces: dict[str, Face], files: dict[str, Callable[[], io.BytesIO]]) -> dict[str, list[Face]]:
    if "index.csv" in files:
        with files["index.csv"]() as file:
            rows = list(csv.DictReader(io.StringIO(file.read().decode())))
        missing = [row["file"] for row in rows if row["file"] not in files]
        if missing:
            raise DataError(
                f"`{path}` should hold the pictures that its index.csv names. Missing: {missing[0]} and others."
            )
        train = {row["file"] for row in rows if row["split"] == "train"}
        test = {row["file"] for row in rows if row["split"] != "train"}
    else:
        names = sorted(faces)
        order = numpy_generator(0, "utkface test").permutation(len(names))
        test = {names[i] for i in order[: round(len(names) / 5)]}
        train = set(names) - test
    return {
        "train": [face for name, face in faces.items() if name in train],
        "test": [face for name, face in faces.items() if name in test],
    }
