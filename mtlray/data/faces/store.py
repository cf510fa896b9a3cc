"""Faces as importers hand them over, and how they are stored: square pictures in eight bits, ages and genders."""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from mtlray.checks import require
from mtlray.data.files import prepared
from mtlray.data.files.record import is_here
from mtlray.errors import DataError
from mtlray.reading.causes import Cause, ReadError, guarded
from mtlray.reading.pictures import read_picture

FEMALE, MALE = 0, 1
_MAY_BE_LOST = 0.2  # the share of pictures without which a split is still the data set
OLDEST = 100  # years; a head that classifies ages has one output for each from 0


def read_file(path: Path) -> bytes:
    """The content of a picture's file. Raises ReadError."""
    with guarded(f"`{path}`", "a picture"):
        return path.read_bytes()


@dataclass(frozen=True)
class Face:
    """A face: its picture's name and what reads it or raises ReadError, its age in years, FEMALE or MALE, and a number for its
    subject, -1 where nobody knows.
    """

    name: str
    read: Callable[[], bytes] = field(repr=False)
    age: int
    gender: int
    subject: int = -1


@dataclass
class Dropped:
    """What an import leaves out: how many for each reason, and what was found in place of pictures, by name."""

    reasons: Counter[str] = field(default_factory=Counter)
    pictures: dict[str, ReadError] = field(default_factory=dict)

    def add(self, reason: str) -> None:
        self.reasons[reason] += 1

    def summary(self, kept: int) -> str:
        """How many were left out of all that were there, and why; `kept` were not."""
        parts = [f"{n:,} {reason}" for reason, n in self.reasons.items()]
        if self.pictures:
            names = ", ".join(f"{name}: {error.found}" for name, error in list(self.pictures.items())[:10])
            more = " and others" if len(self.pictures) > 10 else ""
            parts.append(f"{len(self.pictures):,} that cannot be read ({names}{more})")
        n = self.reasons.total() + len(self.pictures)
        return f"{n:,} of {kept + n:,}" + (f" ({'; '.join(parts)})" if parts else "")


def store_faces(
    folder: Path,
    splits: Mapping[str, Sequence[Face]],
    size: int,
    dropped: Dropped,
    about: dict[str, str],
    say: Callable[[str], None],
) -> str:
    """Store pictures of `size` x `size` pixels, the middle square of each; returns the fingerprint.

    A picture that is not whole is dropped, and noted in `dropped`. Raises DataError where more than a few are, and where the disk
    does not give one, which says nothing about the picture; then nothing is stored.
    """
    require(size >= 32, "size", "be at least 32 pixels", size)
    if is_here(folder):
        raise DataError(
            f"Faces of {size} pixels should be imported once. Found them in {folder}. Remove that folder to import them again."
        )

    def write(writer: prepared.Writer) -> None:
        n_kept = 0
        for split, faces in splits.items():
            kept = _write_images(writer, split, faces, size, dropped, say)
            lost = len(faces) - len(kept)
            if lost > max(1, _MAY_BE_LOST * len(faces)) or not kept:
                raise _too_many(
                    split, [dropped.pictures[face.name] for face in faces if face.name in dropped.pictures], len(faces)
                )
            n_kept += len(kept)
            writer.whole(f"{split}-ages", np.array([face.age for face in kept], np.uint8))
            writer.whole(f"{split}-genders", np.array([face.gender for face in kept], np.uint8))
            writer.whole(f"{split}-subjects", np.array([face.subject for face in kept], np.int32))
        writer.about |= {**about, "dropped": dropped.summary(n_kept)}

    return prepared.prepare_rows(folder, write)


def _write_images(
    writer: prepared.Writer,
    split: str,
    faces: Sequence[Face],
    size: int,
    dropped: Dropped,
    say: Callable[[str], None],
) -> list[Face]:
    kept = []
    with contextlib.ExitStack() as stack:
        append = stack.enter_context(writer.rows(f"{split}-images", (len(faces), 3, size, size), "|u1", fewer=True))
        for i, face in enumerate(faces):
            try:
                picture = _picture(face, size)
            except ReadError as error:
                if error.cause is Cause.UNREADABLE:
                    raise
                dropped.pictures[face.name] = error
                continue
            append(picture[None])
            kept.append(face)
            if (i + 1) % 5000 == 0 or i + 1 == len(faces):
                say(f"{split}: {i + 1} of {len(faces)} pictures")
    return kept


def _picture(face: Face, size: int) -> np.ndarray:
    name = f"`{face.name}`"
    image = read_picture(face.read(), name, "RGB")
    side = min(image.size)
    if side < 16:  # the archive has pictures of one pixel where no face was found
        raise ReadError(name, "a picture of a face", f"{image.size[0]}x{image.size[1]} pixels", Cause.UNKNOWN_KIND)
    left, upper = (image.size[0] - side) // 2, (image.size[1] - side) // 2
    square = image.crop((left, upper, left + side, upper + side))
    return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def _too_many(split: str, errors: Sequence[ReadError], n: int) -> ReadError:
    """The error for a split of `n` pictures, with the remedy of the most frequent cause."""
    if not errors:
        return ReadError(f"The {split} pictures", "there", "none", Cause.MISSING)
    ((cause, _),) = Counter(error.cause for error in errors).most_common(1)
    typical = next(error for error in errors if error.cause is cause)
    return ReadError(
        f"The {split} pictures",
        "there and whole",
        f"{len(errors):,} of {n:,} that cannot be read, such as {typical.name}: {typical.found}",
        cause,
        typical.remedy,
    )
