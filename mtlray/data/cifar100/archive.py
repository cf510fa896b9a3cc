"""CIFAR-100's official Python archive: its files, what they hold, and their published checksums."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from mtlray.reading.archives import members
from mtlray.reading.causes import Cause, ReadError, guarded
from mtlray.reading.checksums import require_md5
from mtlray.reading.pickles import read_arrays

ARCHIVE = "cifar-100-python.tar.gz"
SIDE = 32
N_FINE = 100

# As in torchvision.datasets.CIFAR100.
MD5: Mapping[str, str] = MappingProxyType(
    {
        ARCHIVE: "eb9058c3a382ffc7106e4002c42a8d85",
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    }
)

SUPERCLASSES = (
    *("aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables", "household_electrical_devices"),
    *("household_furniture", "insects", "large_carnivores", "large_man-made_outdoor_things"),
    *("large_natural_outdoor_scenes", "large_omnivores_and_herbivores", "medium_mammals", "non-insect_invertebrates"),
    *("people", "reptiles", "small_mammals", "trees", "vehicles_1", "vehicles_2"),
)

_FOLDER = ARCHIVE.removesuffix(".tar.gz")
_FILES = ("train", "test", "meta")
_UNPACKED = 2**30  # bytes; five times what the official archive has in it
_HOW = f"the folder {_FOLDER} or {ARCHIVE}"


@dataclass(frozen=True)
class Part:
    """Pictures `[picture, 3, 32, 32]` in uint8, and their classes and superclasses `[picture]` in uint8."""

    images: np.ndarray
    fine: np.ndarray
    coarse: np.ndarray


@dataclass(frozen=True)
class Content:
    """What the archive holds: both parts, and the names of the classes."""

    parts: Mapping[Literal["train", "test"], Part]
    fine_names: tuple[str, ...]


def read_official(path: Path, md5: Mapping[str, str] = MD5) -> Content:
    """The content of the archive at `path`, of one in that folder, or of what was unpacked from it.

    `md5` are the checksums of the archive and of its files. Raises ReadError for an archive that is cut short, lacks a file or
    has another checksum, and for files that do not hold what they should.
    """
    files = _of_archive(path, md5) if (path := _located(path)).is_file() else _of_folder(path, md5)
    content = {name: _unpickled(name, packed) for name, packed in files.items()}
    parts: dict[Literal["train", "test"], Part] = {name: _part(name, content[name]) for name in ("train", "test")}
    _require_five_classes_each(parts)
    return Content(parts, _fine_names(content["meta"]))


def _located(path: Path) -> Path:
    """The archive, or the folder of its files. Raises ReadError where neither is there."""
    with guarded(f"`{path}`", _HOW):
        if path.is_file():
            return path
        for found in (path / ARCHIVE, path / _FOLDER / ARCHIVE):
            if found.is_file():
                return found
        for folder in (path, path / _FOLDER):
            if any((folder / name).is_file() for name in _FILES):
                return folder
    raise ReadError(f"`{path}`", _HOW, "neither", Cause.MISSING)


def _of_archive(path: Path, md5: Mapping[str, str]) -> dict[str, bytes]:
    """Read to its end before its checksum is compared, so that an archive that is cut short is called that."""
    found = {
        Path(name).name: b"".join(pieces)
        for name, _, pieces in members(path, _UNPACKED)
        if Path(name).parent.name == _FOLDER and Path(name).name in _FILES
    }
    if missing := [name for name in _FILES if name not in found]:
        raise ReadError(
            f"`{path}`",
            f"the published {ARCHIVE}",
            f"no `{_FOLDER}/{missing[0]}` in it",
            Cause.UNKNOWN_KIND,
            "Fetch it again.",
        )
    require_md5(path, md5[ARCHIVE])
    return found


def _of_folder(folder: Path, md5: Mapping[str, str]) -> dict[str, bytes]:
    found = {}
    for name in _FILES:
        with guarded(f"`{folder / name}`", f"`{name}` of {ARCHIVE}"):
            found[name] = (folder / name).read_bytes()
        require_md5(folder / name, md5[name])
    return found


def _unpickled(name: str, packed: bytes) -> dict[str, Any]:
    content: dict[str, Any] = read_arrays(io.BytesIO(packed), f"`{_FOLDER}/{name}`")
    return content


def _part(name: str, content: Mapping[str, Any]) -> Part:
    shown, expected = f"`{_FOLDER}/{name}`", "pictures with their classes and superclasses"
    for key in ("data", "fine_labels", "coarse_labels"):
        if key not in content:
            raise ReadError(shown, expected, f"no `{key}` in it", Cause.DAMAGED)
    with guarded(shown, expected):
        pixels, fine, coarse = content["data"], content["fine_labels"], content["coarse_labels"]
        if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != 3 * SIDE * SIDE:
            raise ValueError(f"pictures of {pixels.dtype} and shape {pixels.shape}")
        labels = [_labels(fine, len(pixels), N_FINE), _labels(coarse, len(pixels), len(SUPERCLASSES))]
    return Part(pixels.reshape(-1, 3, SIDE, SIDE), *labels)


def _labels(given: Any, n: int, n_classes: int) -> np.ndarray:
    """Raises ValueError."""
    labels = np.asarray(given)
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels of shape {labels.shape} for {n:,} pictures")
    if not (labels.min(initial=0) >= 0 and labels.max(initial=0) < n_classes):
        raise ValueError(f"a label that is not one of {n_classes} classes")
    return labels.astype(np.uint8)


def _require_five_classes_each(parts: Mapping[Literal["train", "test"], Part]) -> None:
    """Raise ReadError unless both parts have all classes, five in each superclass."""
    for name, part in parts.items():
        pairs = np.unique(np.stack([part.coarse, part.fine]), axis=1)
        of_superclass = np.bincount(pairs[0], minlength=len(SUPERCLASSES))
        if len(np.unique(pairs[1])) != N_FINE or (of_superclass != N_FINE // len(SUPERCLASSES)).any():
            found = f"{len(np.unique(pairs[1]))} classes, {', '.join(map(str, of_superclass))} in each superclass"
            raise ReadError(f"`{_FOLDER}/{name}`", "pictures of five classes in each superclass", found, Cause.DAMAGED)


def _fine_names(content: Mapping[str, Any]) -> tuple[str, ...]:
    shown, expected = f"`{_FOLDER}/meta`", f"the names of {N_FINE} classes and {len(SUPERCLASSES)} superclasses"
    fine, coarse = content.get("fine_label_names"), content.get("coarse_label_names")
    if not isinstance(fine, list) or len(fine) != N_FINE or coarse != list(SUPERCLASSES):
        raise ReadError(shown, expected, "other names, or none", Cause.DAMAGED)
    return tuple(map(str, fine))
