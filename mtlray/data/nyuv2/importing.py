"""Import of NYUv2: any of its forms, checked, as one folder of memory-mapped arrays."""

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from mtlray.data.files import prepared
from mtlray.data.files.record import is_here
from mtlray.data.nyuv2.from_mat import OFFICIAL, MatForm
from mtlray.data.nyuv2.from_mtan import MtanForm
from mtlray.data.nyuv2.from_zip import ZipForm
from mtlray.data.nyuv2.normals import normals_from_depth, smoothed
from mtlray.data.nyuv2.published_normals import EigenForm, LadickyForm
from mtlray.data.nyuv2.sample import HEIGHT, N_TEST, N_TRAIN, WIDTH, Sample
from mtlray.errors import DataError
from mtlray.reading.causes import guarded, nothing_imported
from mtlray.storage.names import has_ending

SPLITS = ("train", "test")
_STORED = {
    "images": ((3, HEIGHT, WIDTH), "|u1"),
    "depth": ((1, HEIGHT, WIDTH), "<i2"),
    "labels": ((HEIGHT, WIDTH), "|i1"),
    "normals": ((4, HEIGHT, WIDTH), "|i1"),
}


@runtime_checkable
class Form(Protocol):
    """One of the forms in which NYUv2 is distributed."""

    origin: str
    words: str
    normals: str
    """Where the normals are from, in words."""
    depth_bin: float | None
    """Metres of one code, where depth was rounded to the middle of bins."""

    def count(self, split: str) -> int: ...

    def samples(self, split: str) -> Iterator[Sample]: ...


FORMS: dict[str, type[Form]] = {
    "mtan": MtanForm, "mat": MatForm, "mat-eigen": EigenForm, "mat-ladicky": LadickyForm, "288-jpeg-depth8": ZipForm,
}  # fmt: skip


def folder_of(root: Path, source: str) -> Path:
    """Where the arrays of a form lie."""
    return root / "nyuv2" / source


def source_of(path: Path, archive: Path | None = None) -> str:
    """The form of a folder or file that a person has, and of an archive of normals beside it. Raises DataError."""
    if not path.exists():
        raise DataError(f"`{path}` should be a folder or a file with NYUv2. Found nothing there.")
    if path.is_dir() and (path / "train").is_dir() and archive is None:
        return "mtan"
    official = _official(path)
    if has_ending(official, ".mat") and official.is_file():
        if archive is None:
            return "mat"
        return "mat-ladicky" if has_ending(archive, ".zip") else "mat-eigen"
    if archive is not None:
        raise DataError(
            f"`{path}` should be the official .mat file or its folder, to take normals from `{archive}`. Found another form. "
            "Leave --normals out."
        )
    if has_ending(path, ".zip"):
        return "288-jpeg-depth8"
    raise DataError(
        f"`{path}` should be mtan's folder (with `train` and `val` in it), the official .mat file or its folder, or a zip of "
        "288x384 pictures. Found none of these."
    )


def import_nyuv2(path: Path, root: Path, *, normals: bool | Path, say: Callable[[str], None]) -> str:
    """Store the samples of `path` below `root`, all checked, without normals, with those that it has or that are computed from
    depth, or with those of an archive.

    Returns what was imported, in words. Raises DataError; then nothing is stored.
    """
    with nothing_imported():
        return _import_nyuv2(path, root, normals, say)


def _import_nyuv2(path: Path, root: Path, normals: bool | Path, say: Callable[[str], None]) -> str:
    archive = normals if isinstance(normals, Path) else None
    source = source_of(path, archive)
    folder = folder_of(root, source)
    if is_here(folder):
        raise DataError(
            f"NYUv2 in the form `{source}` should be imported once. Found it in {folder}. Remove that folder to import it again."
        )
    checksum = _checksum(source, path, say)  # before a reader is given the bytes
    form = _opened(source, path, archive, say)
    counts = {split: form.count(split) for split in SPLITS}
    if not all(counts.values()):
        raise DataError(f"`{path}` should have training and test images. Found {counts['train']} and {counts['test']}.")

    def write(writer: prepared.Writer) -> None:
        for split in SPLITS:
            _write(writer, form, split, counts[split], bool(normals), say)
        made = form.normals if normals else "none"
        writer.about |= {"origin": form.origin, "words": form.words, "normals": made, "checksum": checksum}

    mark = prepared.prepare_rows(folder, write)
    made = prepared.about(folder)["normals"]
    part = (
        "" if counts == {"train": N_TRAIN, "test": N_TEST} else f", NOT the {N_TRAIN} + {N_TEST} of the official split"
    )
    return (
        f"{form.origin} ({form.words}): {counts['train']} training and {counts['test']} test images{part}; normals: {made}; "
        f"{checksum}. Now in {folder}, fingerprint {mark}."
    )


def _official(path: Path) -> Path:
    return path / "nyu_depth_v2_labeled.mat" if path.is_dir() else path


def _opened(source: str, path: Path, archive: Path | None, say: Callable[[str], None]) -> Form:
    match source:
        case "mtan":
            return MtanForm(path)
        case "288-jpeg-depth8":
            return ZipForm(path)
        case "mat":
            return MatForm(_official(path))
    assert archive is not None, source
    say(f"reading {archive.name}, and comparing it with the depths")
    return (LadickyForm if source == "mat-ladicky" else EigenForm)(_official(path), archive)


def _write(writer: prepared.Writer, form: Form, split: str, n: int, normals: bool, say: Callable[[str], None]) -> None:
    """Write the arrays of a split."""
    samples = form.samples(split)
    first = next(samples)
    computed = normals and first.normals is None
    names = [name for name in _STORED if name != "normals" or normals]
    scenes: list[str] = []
    with contextlib.ExitStack() as stack:
        append = {
            name: stack.enter_context(writer.rows(f"{split}-{name}", (n, *_STORED[name][0]), _STORED[name][1]))
            for name in names
        }
        for i, sample in enumerate(itertools.chain([first], samples)):
            checked = sample.checked()
            if computed:
                checked = _with_normals(checked, form.depth_bin)
            arrays = checked.arrays()
            for name in names:
                append[name](arrays[name][None])
            scenes += [checked.scene] if checked.scene is not None else []
            if (i + 1) % 100 == 0 or i + 1 == n:
                say(f"{split}: {i + 1} of {n} images")
    if scenes:
        _, numbers = np.unique(scenes, return_inverse=True)
        writer.whole(f"{split}-scenes", numbers.astype("<i2"))


def _with_normals(sample: Sample, depth_bin: float | None) -> Sample:
    depth = smoothed(sample.depth, depth_bin) if depth_bin else sample.depth.astype(np.float64)
    return Sample(sample.name, sample.image, sample.depth, sample.labels, normals_from_depth(depth), sample.scene)


def _checksum(source: str, path: Path, say: Callable[[str], None]) -> str:
    """What a file's md5 says about it. Raises DataError where it has an official file's size and not its md5."""
    if source == "mtan":
        return "there is no published checksum"
    if source == "288-jpeg-depth8":
        return f"md5 {_md5(path, say)}; there is no published checksum"
    official = _official(path)
    for name, (n_bytes, md5) in OFFICIAL.items():
        file = official if name == "nyu_depth_v2_labeled.mat" else official.parent / name
        if file.is_file() and file.stat().st_size == n_bytes and (found := _md5(file, say)) != md5:
            raise DataError(
                f"`{file}` has the size of the official file and should have its md5 {md5}. Found {found}: it is damaged. "
                "Nothing was imported. Fetch it again."
            )
    n_bytes = OFFICIAL["nyu_depth_v2_labeled.mat"][0]
    same = official.stat().st_size == n_bytes
    return "the official md5" if same else f"not the official file, which has {n_bytes:,} bytes"


def _md5(path: Path, say: Callable[[str], None]) -> str:
    say(f"reading {path.name} for its md5")
    with guarded(f"`{path}`", "readable"), path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
