"""IMDB-WIKI's `imdb_crop` folder with its `imdb.mat` (Rothe et al. 2015): which rows are faces, of whom, how old.

The age is from birth to 1 July of the year of the photograph. Gender 0 is female and 1 male there.
"""

import datetime
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from mtlray.data.faces.store import OLDEST, Dropped, Face, read_file, store_faces
from mtlray.data.files.of_size import folder_of_size
from mtlray.errors import DataError
from mtlray.randomness import numpy_generator
from mtlray.reading.causes import Cause, ReadError, guarded, nothing_imported
from mtlray.reading.inside import inside
from mtlray.reading.matlab import read_mat

PAPER_PHOTOS, PAPER_SUBJECTS = 194_872, 12_909
_FIELDS = ("dob", "photo_taken", "full_path", "gender", "face_score", "second_face_score")
_MATLAB_DAYS = 366  # a Matlab day number is Python's ordinal and this


def import_imdb(
    path: Path, root: Path, *, size: int, min_face_score: float, test_subjects: int, say: Callable[[str], None]
) -> str:
    """Store the faces of an `imdb_crop` folder below `root`; returns what was imported, in words. Raises DataError.

    A row is dropped where the birth date cannot be read, the gender is unknown, no face or a second one was found, the face's
    score is below `min_face_score`, or the age lies outside 0 to 100. `test_subjects` persons, drawn at random, are for testing
    alone.
    """
    with nothing_imported():
        faces, dropped = read_imdb(path, min_face_score)
    subjects = np.unique([face.subject for face in faces])
    if not 0 < test_subjects < len(subjects):
        raise DataError(
            f"{test_subjects:,} subjects should be set aside for testing. Found {len(subjects):,} in all. "
            "Choose another number with --test-subjects."
        )
    drawn = numpy_generator(0, "imdb_wiki test").permutation(subjects)[:test_subjects]
    test = set(drawn.tolist())
    splits = {
        "train": [face for face in faces if face.subject not in test],
        "test": [face for face in faces if face.subject in test],
    }
    folder = folder_of_size(root, "imdb_wiki", size)
    about = {
        "origin": "imdb_wiki:imdb_crop",
        "min_face_score": str(min_face_score),
        "test_subjects": str(test_subjects),
    }
    with nothing_imported():
        mark = store_faces(folder, splits, size, dropped, about, say)
    counts = tuple(sum(face.name not in dropped.pictures for face in splits[split]) for split in ("train", "test"))
    return (
        f"IMDB-WIKI: {sum(counts):,} photos of {len(subjects):,} subjects (Gong et al. 2019: {PAPER_PHOTOS:,} of "
        f"{PAPER_SUBJECTS:,}); {counts[0]:,} for training, {counts[1]:,} of {test_subjects:,} subjects for testing; "
        f"dropped: {dropped.summary(sum(counts))}. Now in {folder}, fingerprint {mark}. "
        f"In a sweep: IMDBWiki(n_images={counts}, image_size={size})."
    )


def read_imdb(path: Path, min_face_score: float) -> tuple[list[Face], Dropped]:
    """The rows of `imdb.mat` that pass, in order, and why others do not. Raises DataError."""
    table = _table(path / "imdb.mat")
    faces, dropped = [], Dropped()
    for i, file in enumerate(table["full_path"]):
        reason, age = _reason(table, i, min_face_score)
        if reason:
            dropped.add(reason)
            continue
        name = str(file)
        subject = re.search(r"nm(\d{1,9})_", name)
        if subject is None:
            raise DataError(
                f"The path of row {i} in `{path / 'imdb.mat'}` should name its subject, as in `00/nm0000100_rm…`. Found `{name}`."
            )
        gender = int(table["gender"][i])
        read = partial(read_file, inside(path, name, f"`{path / 'imdb.mat'}`"))
        faces.append(Face(name, read, age, gender, int(subject[1])))
    return faces, dropped


def _reason(table: dict[str, np.ndarray], i: int, min_face_score: float) -> tuple[str, int]:
    """Why a row is dropped, empty where it is not, and the age."""
    gender, score, second = (float(table[name][i]) for name in ("gender", "face_score", "second_face_score"))
    if np.isnan(gender):
        return "of unknown gender", 0
    if gender not in (0, 1):
        raise DataError(
            f"The gender of row {i} in imdb.mat should be 0 (female), 1 (male) or NaN. Found {gender:g}. Nothing was imported."
        )
    if not np.isfinite(score):
        return "without a face", 0
    if second > 0:
        return "with a second face", 0
    if score < min_face_score:
        return f"with a face score below {min_face_score:g}", 0
    day = float(table["dob"][i]) - _MATLAB_DAYS
    if not 1 <= day <= datetime.date.max.toordinal():
        return "without a date of birth", 0
    born = datetime.date.fromordinal(int(day))
    age = int(table["photo_taken"][i]) - born.year - (born.month >= 7)
    return ("", age) if 0 <= age <= OLDEST else (f"with an age outside 0 to {OLDEST}", 0)


def _table(path: Path) -> dict[str, np.ndarray]:
    """The columns of `imdb.mat`, numbers and the paths of pictures. Raises ReadError."""
    shown, expected = f"`{path}`", f"the official imdb.mat with the fields {', '.join(_FIELDS)}"
    try:
        found = read_mat(path, "imdb", fields=_FIELDS)["imdb"]
    except ReadError as error:
        if error.cause is Cause.MISSING:
            remedy = "Name the folder `imdb_crop` that holds it, as the archive unpacks."
            raise ReadError(shown, expected, error.found, error.cause, remedy) from error
        raise
    missing = [name for name in _FIELDS if not isinstance(found, dict) or name not in found]
    if missing:
        found = f"no field {' and no field '.join(missing)}"
        raise ReadError(shown, expected, found, Cause.UNKNOWN_KIND, "Fetch the official file.")
    with guarded(shown, expected):
        table = {name: np.ravel(found[name]).astype(float) for name in _FIELDS if name != "full_path"}
        if not all(isinstance(name, str) for name in found["full_path"]):
            raise TypeError("paths that are no texts")
        table["full_path"] = np.array(found["full_path"])
        if len({len(column) for column in table.values()}) != 1:
            raise ValueError("columns of different lengths")
        if not np.isfinite(table["photo_taken"]).all():
            raise ValueError("a photograph without a year")
    return table
