"""Prepared arrays on disk: made once, whole or not at all, memory-mapped, with a fingerprint that readers check."""

import contextlib
import errno
import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import torch
from torch import Tensor

from mtlray.data.files import maker
from mtlray.data.files.record import RECORD, Record, damaged, is_here, read_record
from mtlray.errors import DataError, MtlrayError
from mtlray.reading.arrays import Header, read_header
from mtlray.reading.causes import ReadError, guarded
from mtlray.storage.beside import new_folder, remove_leftovers
from mtlray.storage.patience import patiently
from mtlray.storage.syncing import sync_file
from mtlray.storage.system_lock import alone
from mtlray.words.names import is_plain

_ALWAYS_CHECKED = 4 * 2**30  # bytes


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

    def _path(self, name: str) -> Path:
        """Raises ValueError for a name that leads out of the folder."""
        if not is_plain(name):
            raise ValueError(f"the array {name!r}, which is no name in its folder")
        return self._folder / f"{name}.npy"

    @contextlib.contextmanager
    def rows(
        self, name: str, shape: tuple[int, ...], dtype: str, *, fewer: bool = False
    ) -> Iterator[Callable[[np.ndarray], None]]:
        """A function that appends rows to a new array; within the block there must be as many as `shape` says, or `fewer`.

        Raises OSError at once where the disk has less space than the array needs.
        """
        kind, path = np.dtype(dtype), self._path(name)
        self.claim(name, kind.itemsize * math.prod(shape))
        left = shape[0]
        with path.open("wb") as file:
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
        with self._path(name).open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            sync_file(file.fileno())
        self.names.append(name)

    def whole(self, name: str, array: np.ndarray) -> None:
        """An array at once."""
        assert array.dtype.kind in "biufc", f"{name}: {array.dtype}"
        with self._path(name).open("wb") as file:
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
    is given the fingerprint before, and may raise. Raises DataError where the disk does not take them, and where those that are
    there were made by another data set, or an earlier text of it.
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
                record = Record(
                    fingerprint=mark,
                    arrays=names,
                    about=maker.note() | writer.about,
                    stamps={name: _stamp(temporary / f"{name}.npy") for name in names},
                    headers={name: _checksum_of_header(temporary / f"{name}.npy") for name in names},
                )
                (temporary / RECORD).write_text(record.text())
    except MtlrayError:  # of what is read or fetched
        raise
    except OSError as error:
        if (known := _known(folder)) is not None:  # no locks on this disk, and another process was first
            return known
        raise DataError(
            f"Prepared data should be written to {folder}. Found: {error}. Free space there, or choose another place with "
            "--data."
        ) from error
    return mark


def _known(folder: Path, *, making: bool = True) -> str | None:
    """The fingerprint on record; None where nothing is prepared.

    Raises DataError, also where something else made the arrays than the data set that makes or reads them now, and StoreError
    where the disk does not tell.
    """
    record = patiently(str(folder), lambda: read_record(folder) if is_here(folder) else None)
    if record is None:
        return None
    maker.require_same(folder, record.about, making=making)
    return record.fingerprint


def about(folder: Path) -> dict[str, str]:
    """What the maker of a folder noted about its arrays. Raises DataError."""
    return dict(read_record(folder).about)


def recorded_fingerprint(folder: Path) -> str:
    """The fingerprint that was noted when the arrays of a folder were made. Raises DataError."""
    return read_record(folder).fingerprint


def load(folder: Path, *, check: bool = False) -> tuple[dict[str, Tensor], str]:
    """The arrays of `folder` as tensors over memory maps, and their fingerprint.

    Their bytes are compared with the fingerprint once in each process. Of arrays of more than 4 GiB, whose reading takes a
    while, headers, sizes and dates are compared instead, and the bytes where these differ or with `check`. Raises DataError for
    what is missing, damaged, of another generation or made by an earlier text of the data set that reads it, and StoreError
    where the disk cannot be read, which says nothing about the data.
    """
    if _known(folder, making=False) is None:
        raise DataError(f"Prepared data should lie in {folder}. Found nothing there. Run `mtlray data prepare`.")
    return patiently(str(folder), lambda: _load(folder, (folder / RECORD).stat().st_mtime_ns, check))


@lru_cache(maxsize=4)
def _load(folder: Path, modified: int, check: bool) -> tuple[dict[str, Tensor], str]:
    del modified  # part of the cache's key only
    record = read_record(folder)
    try:
        arrays = {name: _mapped(folder / f"{name}.npy") for name in record.arrays}
        for name, expected in record.headers.items():
            if name in arrays and _checksum_of_header(folder / f"{name}.npy") != expected:
                raise damaged(folder, f"the header of {name}.npy is not the one on record")
        if _untouched(folder, record) and not check and sum(a.nbytes for a in arrays.values()) > _ALWAYS_CHECKED:
            found = record.fingerprint
        else:
            found = _fingerprint_of_files(folder, record.arrays)
    except ReadError as error:
        raise damaged(folder, error) from error
    if found != record.fingerprint:
        raise damaged(folder, f"fingerprint {found} where {record.fingerprint} is on record")
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, found


def _mapped(path: Path) -> np.ndarray:
    """An array as a memory map. Raises ReadError."""
    with _opened(path) as (_, header):
        order: Literal["F", "C"] = "F" if header.fortran_order else "C"
        # Copy-on-write: torch wants writable memory, and nobody writes.
        return np.memmap(path, header.dtype, "c", header.start, header.shape, order)


def _fingerprint_of_files(folder: Path, names: Sequence[str]) -> str:
    """`fingerprint` of arrays on disk, read in pieces: a memory map read whole would count as memory in use.

    Raises ReadError.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        with _opened(folder / f"{name}.npy") as (file, header):
            digest.update(f"{name} {header.dtype.str} {header.shape}".encode())
            while piece := file.read(2**22):
                digest.update(piece)
    return digest.hexdigest()[:16]


def _checksum_of_header(path: Path) -> str:
    """16 hex digits of sha256 over what lies before an array's values. Raises ReadError."""
    with _opened(path) as (file, header):
        file.seek(0)
        return hashlib.sha256(file.read(header.start)).hexdigest()[:16]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, Header]]:
    """An array's file, which stands at its values, and its header; the block reads and does nothing else. Raises ReadError."""
    with guarded(path.name, "an array"), path.open("rb") as file:
        yield file, read_header(file)


def _untouched(folder: Path, record: Record) -> bool:
    """Whether all files have the size and the date that they were made with."""
    with guarded(f"`{folder}`", "a folder that can be read"):
        return all(_stamp(folder / f"{name}.npy") == record.stamps.get(name) for name in record.arrays)


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
