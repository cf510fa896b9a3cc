"""Prepared arrays on disk: made once, whole or not at all, memory-mapped, with a fingerprint that readers check."""

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mtlray.errors import DataError, StoreError
from mtlray.storage.beside import new_folder, remove_leftovers
from mtlray.storage.patience import patiently
from mtlray.storage.syncing import sync_file
from mtlray.storage.system_lock import alone

RECORD = "meta.json"
"""The file of a folder that says what its arrays are; written last."""

# How arrays are made and laid out; counted up where a change would make other arrays under the same folder name.
_GENERATION = 1

_REMEDY = "Remove that folder and run `mtlray data prepare`, or `mtlray data import` again for data that you brought."

_ALWAYS_CHECKED = 4 * 2**30  # bytes

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


class Writer:
    """Where the arrays of a folder are written, row by row where they are larger than memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: list[str] = []
        self.about: dict[str, str] = {}
        """What readers need to know about the arrays besides their content; kept in their record."""

    @contextlib.contextmanager
    def rows(
        self, name: str, shape: tuple[int, ...], dtype: str, *, fewer: bool = False
    ) -> Iterator[Callable[[np.ndarray], None]]:
        """A function that appends rows to a new array; within the block there must be as many as `shape` says, or `fewer`.

        Raises OSError at once where the disk has less space than the array needs.
        """
        kind = np.dtype(dtype)
        self.claim(name, kind.itemsize * math.prod(shape))
        left = shape[0]
        with (self._folder / f"{name}.npy").open("wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()

            def append(rows: np.ndarray) -> None:
                nonlocal left
                assert (rows.dtype, rows.shape[1:]) == (kind, shape[1:]), f"{name}: {rows.dtype} {rows.shape}"
                left -= len(rows)
                file.write(np.ascontiguousarray(rows).data)

            yield append
            assert left == 0 or fewer, f"{name}: {left} rows of {shape[0]} are missing"
            if left:
                file.seek(0)
                np.lib.format.write_array_header_1_0(file, {**header, "shape": (shape[0] - left, *shape[1:])})
                assert file.tell() == start, name  # numpy pads the header to a fixed length
            file.flush()
            sync_file(file.fileno())
        self.names.append(name)

    def claim(self, name: str, n_bytes: int) -> None:
        """Raise OSError where the disk has less space than that."""
        free = shutil.disk_usage(self._folder).free
        if n_bytes > free:
            raise OSError(
                errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: `{name}` needs {n_bytes:,} bytes, {free:,} are free"
            )

    def copied(self, name: str, pieces: Iterable[bytes]) -> None:
        """An array as another folder of this kind has it, in pieces of its file."""
        with (self._folder / f"{name}.npy").open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            sync_file(file.fileno())
        self.names.append(name)

    def whole(self, name: str, array: np.ndarray) -> None:
        """An array at once."""
        with (self._folder / f"{name}.npy").open("wb") as file:
            np.save(file, array)
            file.flush()
            sync_file(file.fileno())
        self.names.append(name)


def prepare(folder: Path, make: Callable[[], Mapping[str, np.ndarray]]) -> str:
    """Make the arrays of `folder` unless they are there, from a function that returns them all; returns their fingerprint.

    As `prepare_rows` otherwise.
    """

    def write(writer: Writer) -> None:
        for name, array in make().items():
            writer.whole(name, array)

    return prepare_rows(folder, write)


def prepare_rows(
    folder: Path, write: Callable[[Writer], None], check: Callable[[str], None] = lambda mark: None
) -> str:
    """Make the arrays of `folder` unless they are there; returns their fingerprint.

    One process makes them while others wait; they are written beside their place and renamed into it, so that a process
    killed at any moment leaves nothing half-made. On a disk that does not lock each makes them, and the first one's stay. `check`
    is given the fingerprint before, and may raise. Raises DataError where the disk does not take them.
    """
    if (known := _known(folder)) is not None:
        return known
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with alone(folder.parent / f".{folder.name}.lock") as locked:
            if (known := _known(folder)) is not None:
                return known
            if locked:
                remove_leftovers(folder)
            with new_folder(folder) as temporary:
                writer = Writer(temporary)
                write(writer)
                names = sorted(writer.names)
                mark = _fingerprint_of_files(temporary, names)
                check(mark)
                stamps = {name: _stamp(temporary / f"{name}.npy") for name in names}
                record = {"generation": _GENERATION, "fingerprint": mark, "arrays": names, "about": writer.about}
                (temporary / RECORD).write_text(json.dumps({**record, "stamps": stamps}))
    except StoreError:  # where they were fetched from
        raise
    except OSError as error:
        if (known := _known(folder)) is not None:  # no locks on this disk, and another process was first
            return known
        raise DataError(
            f"Prepared data should be written to {folder}. Found: {error}. Free space there, or choose another place with "
            "--data."
        ) from error
    return mark


def _known(folder: Path) -> str | None:
    """The fingerprint on record; None where nothing is prepared.

    Raises DataError, and StoreError where the disk does not tell.
    """
    return patiently(str(folder), lambda: recorded_fingerprint(folder) if (folder / RECORD).exists() else None)


def about(folder: Path) -> dict[str, str]:
    """What the maker of a folder noted about its arrays. Raises DataError."""
    recorded_fingerprint(folder)
    notes: dict[str, str] = json.loads((folder / RECORD).read_text()).get("about", {})
    return notes


def load(folder: Path, *, check: bool = False) -> tuple[dict[str, Tensor], str]:
    """The arrays of `folder` as tensors over memory maps, and their fingerprint.

    Their bytes are compared with the fingerprint once in each process. Of arrays of more than 4 GiB, whose reading takes a
    while, sizes and dates are compared instead, and the bytes where these differ or with `check`. Raises DataError for what
    is missing, damaged or of another generation, and StoreError where the disk cannot be read, which says nothing about the data.
    """
    if _known(folder) is None:
        raise DataError(f"Prepared data should lie in {folder}. Found nothing there. Run `mtlray data prepare`.")
    return patiently(str(folder), lambda: _load(folder, (folder / RECORD).stat().st_mtime_ns, check))


@lru_cache(maxsize=4)
def _load(folder: Path, modified: int, check: bool) -> tuple[dict[str, Tensor], str]:
    del modified  # part of the cache's key only
    expected = recorded_fingerprint(folder)
    try:
        record = json.loads((folder / RECORD).read_text())
        names, stamps = record["arrays"], record.get("stamps", {})
        # Copy-on-write: torch wants writable memory, and nobody writes.
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in names}
        untouched = all(_stamp(folder / f"{name}.npy") == stamps.get(name) for name in names)
        if untouched and not check and sum(array.nbytes for array in arrays.values()) > _ALWAYS_CHECKED:
            found = expected
        else:
            found = _fingerprint_of_files(folder, names)
    except _WRONG_CONTENT as error:
        raise _damaged(folder, str(error)) from error
    if found != expected:
        raise _damaged(folder, f"fingerprint {found} where {expected} is on record")
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, found


def _fingerprint_of_files(folder: Path, names: Sequence[str]) -> str:
    """`fingerprint` of arrays on disk, read in pieces: a memory map read whole would count as memory in use."""
    digest = hashlib.sha256()
    for name in sorted(names):
        with (folder / f"{name}.npy").open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            digest.update(f"{name} {dtype.str} {shape}".encode())
            while piece := file.read(2**22):
                digest.update(piece)
    return digest.hexdigest()[:16]


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def recorded_fingerprint(folder: Path) -> str:
    """The fingerprint that was noted when the arrays of a folder were made. Raises DataError."""
    try:
        return fingerprint_in((folder / RECORD).read_bytes(), folder)
    except FileNotFoundError as error:
        raise _damaged(folder, str(error)) from error


def fingerprint_in(text: bytes, folder: Path | str, remedy: str = _REMEDY) -> str:
    """The fingerprint in the record of a folder. Raises DataError where it does not open or is of another generation."""
    try:
        record = json.loads(text)
        mark: str = record["fingerprint"]
        generation = record.get("generation", 1)  # records did not always have it
    except _WRONG_CONTENT as error:
        raise _damaged(folder, f"{RECORD} does not hold what it should ({error})", remedy) from error
    if generation != _GENERATION:
        raise DataError(
            f"The prepared data in {folder} should be of generation {_GENERATION}. Found generation {generation}, made by "
            f"another mtlray. {remedy}"
        )
    return mark


def _damaged(folder: Path | str, found: str, remedy: str = _REMEDY) -> DataError:
    return DataError(f"The prepared data in {folder} is damaged: {found}. {remedy}")
