"""Faces as importers hand them over, and how they are stored: square pictures in eight bits, ages and genders."""

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from mtlray.checks import require
from mtlray.data.files import prepared
from mtlray.errors import DataError

FEMALE, MALE = 0, 1
_MAY_BE_LOST = 0.2  # the share of pictures without which a split is still the data set
OLDEST = 100  # years; a head that classifies ages has one output for each from 0


def open_file(path: Path) -> io.BytesIO:
    """The content of a file, at once."""
    return io.BytesIO(path.read_bytes())


@dataclass(frozen=True)
class Face:
    """Where a face's picture is, its age in years, FEMALE or MALE, and a number for its subject, -1 where nobody knows."""

    name: str
    open: Callable[[], io.BytesIO] = field(repr=False)
    age: int
    gender: int
    subject: int = -1


@dataclass
class Dropped:
    """What an import leaves out: how many for each reason, and the pictures that could not be read, by name."""

    reasons: Counter[str] = field(default_factory=Counter)
    corrupt: list[str] = field(default_factory=list)

    def add(self, reason: str) -> None:
        self.reasons[reason] += 1

    def summary(self) -> str:
        parts = [f"{n:,} {reason}" for reason, n in self.reasons.items()]
        if self.corrupt:
            names = ", ".join(self.corrupt[:10]) + (" and others" if len(self.corrupt) > 10 else "")
            parts.append(f"{len(self.corrupt):,} that cannot be read ({names})")
        return "; ".join(parts) or "none"


def store_faces(
    folder: Path,
    splits: Mapping[str, Sequence[Face]],
    size: int,
    dropped: Dropped,
    about: dict[str, str],
    say: Callable[[str], None],
) -> str:
    """Store pictures of `size` x `size` pixels, the middle square of each; returns the fingerprint.

    A picture that cannot be read is dropped, and noted in `dropped`. Raises DataError; then nothing is stored.
    """
    require(size >= 32, "size", "be at least 32 pixels", size)
    if (folder / "meta.json").exists():
        raise DataError(
            f"Faces of {size} pixels should be imported once. Found them in {folder}. Remove that folder to import them again."
        )

    def write(writer: prepared.Writer) -> None:
        for split, faces in splits.items():
            kept = _write_images(writer, split, faces, size, dropped, say)
            lost = len(faces) - len(kept)
            if lost > _MAY_BE_LOST * len(faces):
                raise DataError(
                    f"The {split} pictures should be there and whole. Found {lost:,} of {len(faces):,} that cannot be read: "
                    f"{', '.join(dropped.corrupt[-3:])}. Nothing was imported. Unpack or fetch the data again."
                )
            writer.whole(f"{split}-ages", np.array([face.age for face in kept], np.uint8))
            writer.whole(f"{split}-genders", np.array([face.gender for face in kept], np.uint8))
            writer.whole(f"{split}-subjects", np.array([face.subject for face in kept], np.int32))
        writer.about |= {**about, "dropped": dropped.summary()}

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
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # what Pillow raises
                dropped.corrupt.append(f"{face.name}: {' '.join(str(error).split())}")
                continue
            append(picture[None])
            kept.append(face)
            if (i + 1) % 5000 == 0 or i + 1 == len(faces):
                say(f"{split}: {i + 1} of {len(faces)} pictures")
    return kept


def _picture(face: Face, size: int) -> np.ndarray:
    with face.open() as file, Image.open(file) as image:
        side = min(image.size)
        if side < 16:  # the archive has pictures of one pixel where no face was found
            raise ValueError(f"{image.size[0]}x{image.size[1]} pixels")
        left, upper = (image.size[0] - side) // 2, (image.size[1] - side) // 2
        square = image.convert("RGB").crop((left, upper, left + side, upper + side))
        return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
