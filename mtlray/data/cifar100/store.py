"""CIFAR-100 as it is stored: imported from the official archive, and altered as two of the tasks ask."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from mtlray.data.cifar100.alterations import altered
from mtlray.data.cifar100.archive import ARCHIVE, MD5, read_official
from mtlray.data.files import prepared
from mtlray.data.files.record import is_here
from mtlray.errors import DataError
from mtlray.reading.causes import nothing_imported

KEY = "cifar100"


def import_cifar100(path: Path, root: Path, md5: Mapping[str, str] = MD5) -> str:
    """Store the pictures of the official archive, or of what was unpacked from it, below `root`; returns what was imported.

    `md5` are the checksums that its files should have. Raises DataError for an archive that is damaged, lacks a file or is
    not the published one; then nothing is stored.
    """
    folder = folder_of(root)
    if is_here(folder):
        raise DataError(
            f"CIFAR-100 should be imported once. Found it in {folder}. Remove that folder to import it again."
        )
    with nothing_imported():
        content = read_official(path, md5)

    def write(writer: prepared.Writer) -> None:
        for name, part in content.parts.items():
            writer.whole(f"{name}-images", part.images)
            writer.whole(f"{name}-fine", part.fine)
            writer.whole(f"{name}-coarse", part.coarse)
        writer.about |= {"origin": ARCHIVE, "fine": json.dumps(content.fine_names)}

    mark = prepared.prepare_rows(folder, write)
    n_train, n_test = (len(part.fine) for part in content.parts.values())
    return (
        f"CIFAR-100: {n_train:,} training and {n_test:,} test pictures; all files have the published checksums. "
        f"Now in {folder}, fingerprint {mark}. In a sweep: CIFAR100() or CIFAR100BySuperclass()."
    )


def folder_of(root: Path) -> Path:
    """Where the imported pictures lie."""
    return root / KEY / "32px"


def imported(root: Path) -> Path:
    """That folder. Raises DataError where nothing was imported to it."""
    folder = folder_of(root)
    if not is_here(folder):
        raise DataError(
            f"CIFAR-100 should have been imported to {folder}. Found nothing there. Run `mtlray data prepare {KEY}`, or `mtlray "
            f"data import {KEY} PATH` without a network; `mtlray data list` says where to get it."
        )
    return folder


def arrays_of(n_images: tuple[int, int], folder: Path) -> tuple[dict[str, Tensor], str]:
    """The arrays of a folder and their fingerprint. Raises DataError, also for other numbers of pictures."""
    arrays, mark = prepared.load(folder)
    found = (len(arrays["train-fine"]), len(arrays["test-fine"]))
    if found != n_images:
        raise DataError(
            f"CIFAR-100 should have {n_images[0]:,} training and {n_images[1]:,} test pictures. Found {found[0]:,} and "
            f"{found[1]:,} in {folder}. Write `n_images={found}`, or import again."
        )
    return arrays, mark


def prepare_altered(root: Path) -> str:
    """Make the altered pictures unless they are there; returns their fingerprint. Raises DataError."""
    source = imported(root)

    def write(writer: prepared.Writer) -> None:
        arrays, _ = prepared.load(source)
        for name in ("train", "test"):
            images = arrays[f"{name}-images"]
            with writer.rows(f"{name}-images", tuple(images.shape), "|u1") as append, _one_thread():
                for picture in altered(images, name):
                    append(picture.numpy()[None])
            for labels in ("fine", "coarse"):
                writer.whole(f"{name}-{labels}", arrays[f"{name}-{labels}"].numpy())

    return prepared.prepare_rows(altered_folder(root), write)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Within the block torch does not divide its work, which takes longer than the work on a picture of this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def altered_folder(root: Path) -> Path:
    """Where they lie: another place for another import. Raises DataError where nothing was imported."""
    mark = prepared.recorded_fingerprint(imported(root))
    return root / "prepared" / f"{KEY}-altered-{hashlib.sha256(mark.encode()).hexdigest()[:8]}"
