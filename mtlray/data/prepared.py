"""Prepared arrays on disk: made once, whole or not at all, memory-mapped, with a fingerprint that readers check."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from mtlray.errors import DataError

_META = "meta.json"

# How arrays are made and laid out; counted up where a change would make other arrays under the same folder name.
_GENERATION = 1

# What reading a missing, torn or foreign file raises; any other OSError is the disk's, and may be gone the next time.
_WRONG_CONTENT = (FileNotFoundError, EOFError, ValueError, KeyError, TypeError)


def fingerprint(arrays: Mapping[str, np.ndarray]) -> str:
    """16 hex digits of sha256 over the names, dtypes, shapes and bytes of all arrays."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]


def prepare(folder: Path, make: Callable[[], Mapping[str, np.ndarray]]) -> str:
    """Make the arrays of `folder` unless they are there; returns their fingerprint.

    One process makes them while others wait; they are written beside their place and renamed into it, so that a process
    killed at any moment leaves nothing half-made. Raises DataError where the disk does not take them.
    """
    if (folder / _META).exists():
        return _fingerprint_on_record(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            if (folder / _META).exists():
                return _fingerprint_on_record(folder)
            for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):
                shutil.rmtree(leftover)  # the lock is ours, so whoever made it is gone
            arrays = make()
            temporary = folder.parent / f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp"
            temporary.mkdir()
            for name, array in arrays.items():
                with (temporary / f"{name}.npy").open("wb") as file:
                    np.save(file, array)
                    file.flush()
                    os.fsync(file.fileno())
            mark = fingerprint(arrays)
            record = {"generation": _GENERATION, "fingerprint": mark, "arrays": sorted(arrays)}
            (temporary / _META).write_text(json.dumps(record))
            temporary.rename(folder)
    except OSError as error:
        raise DataError(
            f"Prepared data should go to {folder}. Found: {error}. Free space there, or choose another place with --data."
        ) from error
    return mark


def load(folder: Path) -> tuple[dict[str, Tensor], str]:
    """The arrays of `folder` as tensors over memory maps, and their fingerprint.

    Their bytes are compared with the fingerprint once in each process. Raises DataError for what is missing, damaged or of
    another generation, and OSError where the disk cannot be read, which says nothing about the data.
    """
    if not (folder / _META).exists():
        raise DataError(f"Prepared data should lie in {folder}. Found nothing there. Run `mtlray data prepare`.")
    return _load(folder, (folder / _META).stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _load(folder: Path, modified: int) -> tuple[dict[str, Tensor], str]:
    del modified  # part of the cache's key only
    expected = _fingerprint_on_record(folder)
    try:
        names = json.loads((folder / _META).read_text())["arrays"]
        # Copy-on-write: torch wants writable memory, and nobody writes.
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in names}
    except _WRONG_CONTENT as error:
        raise _damaged(folder, str(error)) from error
    found = fingerprint(arrays)
    if found != expected:
        raise _damaged(folder, f"fingerprint {found} where {expected} is on record")
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, found


def _fingerprint_on_record(folder: Path) -> str:
    try:
        record = json.loads((folder / _META).read_text())
        mark: str = record["fingerprint"]
        generation = record.get("generation", 1)  # records did not always have it
    except _WRONG_CONTENT as error:
        raise _damaged(folder, str(error)) from error
    if generation != _GENERATION:
        raise DataError(
            f"The prepared data in {folder} should be of generation {_GENERATION}. Found generation {generation}, made by "
            "another mtlray. Remove that folder and run `mtlray data prepare`."
        )
    return mark


def _damaged(folder: Path, found: str) -> DataError:
    return DataError(
        f"The prepared data in {folder} is damaged: {found}. Remove that folder and run `mtlray data prepare`."
    )
