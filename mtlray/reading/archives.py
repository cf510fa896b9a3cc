"""Zip and tar files: members that are whole and no larger than they may be, under names that lead nowhere else.

A zip file is read member by member, so that one bad picture can be left out. A tar file has no list: it is read from the start.
"""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from mtlray.reading.causes import Cause, ReadError, check_kind, guarded, kind_of
from mtlray.reading.inside import leads_outside

PICTURE = 2**28
"""More bytes than any picture of a data set has."""

_PIECE = 2**20  # bytes
_END = 2**16 + 128  # bytes in which the end of a zip file lies, with its comment
_HEADER = 2**24  # bytes; a header of a tar file that is larger was made to fill the memory
_PYTHON_READS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_METHODS = {9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_AES = 99  # in place of a method
_UTF8 = 0x800  # the flag of a name in UTF-8
_LOCAL = struct.Struct("<26xH2x")  # the header beside a member's content: the length of its name, which follows
_LOCKED = 0x1 | 0x40  # the flags of a password, and of strong encryption

_WHOLE = {"zip": "a whole zip file", "tar": "a whole tar file"}
_COMPRESSED: dict[str, Callable[[Path], io.BufferedIOBase]] = {
    "gzip": gzip.GzipFile,
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}


class ZipMembers:
    """The files in a zip file. Raises ReadError for what is none, and for members that are links or lead outside."""

    def __init__(self, path: Path) -> None:
        self._path, shown = path, f"`{path}`"
        with guarded(shown, _WHOLE["zip"]):
            check_kind(_head(path), ("zip",), shown, _WHOLE["zip"])
            self._zip = zipfile.ZipFile(path)
            if (n := len(self._zip.infolist())) != (said := _n_members(path, n)):
                self._zip.close()
                raise ValueError(f"{n:,} members where its end says {said:,}")
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            name = info.filename.replace("\\", "/")  # as some programs on Windows write it
            is_link = info.create_system == 3 and stat.S_ISLNK(info.external_attr >> 16)
            if leads_outside(info.filename) or is_link:
                self._zip.close()
                raise _outside(path, info.filename)
            if name in self._members:
                self._zip.close()
                raise ReadError(shown, _WHOLE["zip"], f"`{name}` is in it twice", Cause.DAMAGED)
            if not name.endswith("/"):
                self._members[name] = info

    @property
    def names(self) -> list[str]:
        """The paths of the files, with forward slashes, in their order."""
        return list(self._members)

    def misnamed(self) -> dict[str, str]:
        """The names of members that have another one beside their content, and that one; zipfile compares them when it reads."""
        found = {}
        with guarded(f"`{self._path}`", _WHOLE["zip"]), self._path.open("rb") as file:
            for name, info in self._members.items():
                file.seek(info.header_offset)
                header = file.read(_LOCAL.size)
                if len(header) < _LOCAL.size or header[:4] != b"PK\3\4":
                    continue  # damaged, and told when it is read
                beside = file.read(_LOCAL.unpack(header)[0])
                code = "utf-8" if info.flag_bits & _UTF8 else "cp437"
                if beside.decode(code, "replace") != info.orig_filename:
                    found[name] = beside.decode(code, "replace")
        return found

    def n_bytes(self, name: str) -> int:
        """The size that the zip file says a member has."""
        return self._members[name].file_size

    def read(self, name: str, limit: int = PICTURE) -> bytes:
        """A member's content. Raises ReadError where it is locked, damaged, packed in an unknown way or above `limit` bytes."""
        return b"".join(self.pieces(name, limit))

    def pieces(self, name: str, limit: int) -> Iterator[bytes]:
        """As `read`, in pieces; the checksum is compared after the last one."""
        shown, left = self.shown(name), self.n_bytes(name)
        with self.stream(name, limit) as stream:
            while True:
                with guarded(shown, "a whole file"):
                    piece = stream.read(_PIECE)
                if not piece:
                    break
                left -= len(piece)
                yield piece
        if left:
            raise ReadError(shown, "a whole file", f"{left:,} bytes are missing", Cause.DAMAGED)

    def stream(self, name: str, limit: int) -> io.BufferedIOBase:
        """A member to be read within `guarded`."""
        info, shown = self._members[name], self.shown(name)
        if info.flag_bits & _LOCKED or info.compress_type == _AES:
            raise ReadError(shown, "a file without a password", "it is locked with a password", Cause.LOCKED)
        if info.compress_type not in _PYTHON_READS:
            method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
            raise ReadError(
                shown,
                "stored or deflated",
                f"it is compressed by {method}, which Python does not read",
                Cause.UNKNOWN_KIND,
                "Unpack the archive with another program, such as 7-Zip, and pack its content as an ordinary zip file.",
            )
        if info.file_size > limit:
            raise _too_large(shown, info.file_size, limit)
        with guarded(shown, "a whole file"):
            stream: io.BufferedIOBase = self._zip.open(info)  # type: ignore[assignment]  # it is a ZipExtFile
        return stream

    def shown(self, name: str) -> str:
        """A member as messages name it."""
        return f"`{name}` in `{self._path}`"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


def members(path: Path, limit: int) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """The files of a zip or tar file: the path of each, its size, and its content, to be read before the next.

    Raises ReadError, also where a file is above `limit` bytes or all together are.
    """
    with guarded(f"`{path}`", "a whole archive"):
        head = _head(path)
        check_kind(head, ("zip", "tar", *_COMPRESSED), f"`{path}`", "a zip or tar file")
    if kind_of(head) == "zip":
        with ZipMembers(path) as archive:
            total = sum(archive.n_bytes(name) for name in archive.names)
            if total > limit:
                raise _too_large(f"`{path}`", total, limit)
            for name in archive.names:
                yield name, archive.n_bytes(name), archive.pieces(name, limit)
    else:
        yield from _of_tar(path, kind_of(head), limit)


class _Watched:
    """What a tar file is read from: refuses absurd headers, and keeps the last block, which tells a whole file from a cut one."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        self.last = self._file.read(size)
        return self.last

    def seek(self, place: int) -> int:
        return self._file.seek(place)

    def tell(self) -> int:
        return self._file.tell()


def _of_tar(path: Path, kind: str | None, limit: int) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    shown, expected, total = f"`{path}`", _WHOLE["tar"], 0
    with guarded(shown, expected):
        file = _COMPRESSED[kind](path) if kind in _COMPRESSED else path.open("rb")
    with file:
        watched = _Watched(file)
        with guarded(shown, expected):
            tar = tarfile.TarFile(fileobj=watched)  # type: ignore[arg-type]  # it asks for no more than that has
        while True:
            with guarded(shown, expected):
                member = tar.next()
                tar.members.clear()  # type: ignore[attr-defined]  # a list of all that were read
            if member is None:
                break
            if leads_outside(member.name) or not (member.isdir() or member.isreg()) or member.issparse():
                raise _outside(path, member.name)
            total += member.size
            if total > limit:
                raise _too_large(shown, total, limit)
            if member.isreg():
                yield member.name, member.size, _pieces(tar, member, path)
        with guarded(shown, expected):
            # tarfile takes a damaged header for the end.
            if watched.last != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("it ends without its closing blocks")
            while watched.read(_PIECE):  # to the checksum of what it is compressed with
                pass


def _pieces(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> Iterator[bytes]:
    shown, left = f"`{member.name}` in `{path}`", member.size
    with guarded(shown, "a whole file"):
        stream = tar.extractfile(member)
    assert stream is not None, member.name
    while left:
        with guarded(shown, "a whole file"):
            piece = stream.read(min(_PIECE, left))
            if not piece:
                raise EOFError(f"{left:,} bytes are missing")
        left -= len(piece)
        yield piece


def _n_members(path: Path, listed: int) -> int:
    """How many members a zip file has by its own count, which zipfile passes over: one flipped bit can hide the last ones.

    Where the count is in another place, or has two bytes for more, it is taken to be what is `listed`.
    """
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, io.SEEK_END) - _END))
        end = file.read()
    at = end.rfind(b"PK\5\6")
    (said,) = struct.unpack_from("<H", end, at + 10)
    large = end.rfind(b"PK\6\6", 0, at)
    if said == 0xFFFF and large >= 0:
        return int(struct.unpack_from("<Q", end, large + 32)[0])
    return listed if (listed - said) % 2**16 == 0 else int(said)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _outside(path: Path, name: str) -> ReadError:
    return ReadError(
        f"`{path}`", "an archive of plain files", f"`{name}`, which leads outside or is a link", Cause.HOSTILE
    )


def _too_large(shown: str, n_bytes: int, limit: int) -> ReadError:
    return ReadError(shown, f"of at most {limit:,} bytes unpacked", f"{n_bytes:,} bytes", Cause.HOSTILE)
