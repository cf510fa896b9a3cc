"""Files from the network: addresses tried in order, broken downloads resumed, and files checked before they are named."""

import contextlib
import errno
import hashlib
import http.client
import shutil
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mtlray.errors import DataError
from mtlray.reading.archives import members
from mtlray.reading.causes import ReadError
from mtlray.reading.inside import inside
from mtlray.storage.beside import new_folder, remove_leftovers
from mtlray.storage.system_lock import alone

_TRIES = 10  # at one address, as long as each brings more of the file
_TIMEOUT = 60  # seconds without a byte
_PIECE = 2**20  # bytes
_REPORT_EVERY = 100 * 2**20  # bytes
_UNPACKED = 2**36  # bytes; several times what the largest archive of a data set has


@dataclass(frozen=True)
class RemoteFile:
    """A file, the addresses that give it, in the order in which they are tried, and what is published about its content."""

    name: str
    addresses: tuple[str, ...]
    n_bytes: int | None = None
    md5: str | None = None


class _Wrong(Exception):
    """An address gives something else than the file."""


def fetch(file: RemoteFile, folder: Path, say: Callable[[str], None]) -> Path:
    """The file in `folder`, which is downloaded unless it is there; one process does so while others wait.

    What has arrived before a connection or a process ends is kept, and taken up at the next call. A file whose size or md5 is
    not the published one is removed. Raises DataError with what was found at each address, and where the disk does not take it.
    """
    path = folder / file.name
    if path.is_file():
        return path
    found = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / f".{file.name}.lock") as locked:
            mine = "" if locked else uuid.uuid4().hex
            for address in () if path.is_file() else file.addresses:
                say(f"{file.name}: from {address}")
                try:
                    part = _arrived(address, file, folder, say, mine)
                    _check(part, file)
                except (
                    urllib.error.URLError,
                    http.client.HTTPException,
                    ConnectionError,
                    TimeoutError,
                    _Wrong,
                ) as error:
                    found.append(f"{address}: {_reason(error)}")
                    say(f"{file.name}: {_reason(error)}")
                    continue
                part.replace(path)
                for other in _parts(file, folder):
                    other.unlink()
                break
    except OSError as error:
        if path.is_file():  # no locks on this disk, and another process was first
            return path
        raise DataError(
            f"`{file.name}` should be written to {folder}. Found: {error}. Choose another place with --data."
        ) from error
    if not path.is_file():
        kept = (
            " What has arrived is kept. Run the same command again to continue from there."
            if _parts(file, folder)
            else ""
        )
        raise DataError(
            f"`{file.name}` should come from one of its addresses. Found: {'; '.join(found)}. "
            f"Try again later, or fetch it by hand.{kept}"
        )
    return path


def unpack(archive: Path, folder: Path, limit: int = _UNPACKED) -> Path:
    """The content of a zip or tar file, in `folder` whole or not at all; the archive is removed then.

    Raises DataError where the archive is not whole, has more than `limit` bytes in it or members that lead outside, and where
    the disk does not take it.
    """
    try:
        with alone(folder.with_name(f".{folder.name}.lock")) as locked:
            if not folder.is_dir():
                if locked:
                    remove_leftovers(folder)
                with new_folder(folder) as temporary:
                    for name, n_bytes, pieces in members(archive, limit):
                        if n_bytes > (free := shutil.disk_usage(temporary).free):
                            raise OSError(errno.ENOSPC, f"`{name}` has {n_bytes:,} bytes, {free:,} are free")
                        _write_member(inside(temporary, name, f"`{archive}`"), pieces)
            archive.unlink(missing_ok=True)
    except ReadError as error:
        kept = f"Nothing was unpacked. Remove {archive} to have it fetched again."
        raise type(error)(error.name, error.expected, error.found, error.cause, kept) from error
    except OSError as error:
        if folder.is_dir():  # no locks on this disk, and another process was first
            return folder
        raise DataError(
            f"The content of `{archive}` should be written to {folder}. Found: {error}. Nothing was unpacked. Free space there, "
            "or choose another place with --data."
        ) from error
    return folder


def _write_member(path: Path, pieces: Iterator[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)


def _arrived(address: str, file: RemoteFile, folder: Path, say: Callable[[str], None], mine: str) -> Path:
    """All that an address gives, in a file beside the place of the whole one, which all processes share that say the same `mine`.

    Raises what urllib raises, _Wrong and OSError.
    """
    for _ in range(_TRIES):
        with _opened(address, 0) as response:
            total = _length(response, file)
            # Only bytes of the same file at the same address are put together.
            marks = [address, mine, total, *(response.headers.get(name) for name in ("ETag", "Last-Modified"))]
            part = folder / f".{file.name}.{hashlib.sha256(repr(marks).encode()).hexdigest()[:8]}.part"
            if total is None:  # whether it is whole could not be told
                part.unlink(missing_ok=True)
            before = part.stat().st_size if part.exists() else 0
            if total is not None and total - before > (free := shutil.disk_usage(folder).free):
                raise OSError(f"{total - before:,} bytes are still to come, {free:,} are free")
            if not before:
                _append(response, part, total, say)
        if before and before != total:
            with _opened(address, before) as response:
                if response.status != http.client.PARTIAL_CONTENT:  # it sends all of it again
                    part.unlink()
                _append(response, part, total, say)
        size = part.stat().st_size
        if total is None or size == total:
            return part
        if size > total:
            part.unlink()
        if size <= before or size > total:
            break
        say(f"{file.name}: broke off after {size:,} of {total:,} bytes")
    raise _Wrong(f"broke off after {size:,} of {total:,} bytes")


@contextlib.contextmanager
def _opened(address: str, start: int) -> Iterator[http.client.HTTPResponse]:
    headers = {"User-Agent": "mtlray"} | ({"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=_TIMEOUT) as response:
        yield response


def _length(response: http.client.HTTPResponse, file: RemoteFile) -> int | None:
    """The size that an address promises. Raises _Wrong for a web page, and for another size than the file's."""
    if response.headers.get_content_type() == "text/html":
        raise _Wrong("a web page, not the file")
    length = response.headers.get("Content-Length")
    if length is None:
        return file.n_bytes
    if file.n_bytes is not None and int(length) != file.n_bytes:
        raise _Wrong(f"a file of {int(length):,} bytes, where {file.n_bytes:,} are expected")
    return int(length)


def _append(response: http.client.HTTPResponse, part: Path, total: int | None, say: Callable[[str], None]) -> None:
    with part.open("ab") as out:
        while piece := _read(response, total):
            before = out.tell() // _REPORT_EVERY
            out.write(piece)
            if out.tell() // _REPORT_EVERY > before:
                of = f" of {total / 1e6:,.0f}" if total else ""
                say(f"{out.tell() / 1e6:,.0f}{of} MB")


def _read(response: http.client.HTTPResponse, total: int | None) -> bytes:
    """A piece; nothing where the connection breaks off, which the size will show. Raises _Wrong where no size is known."""
    try:
        return response.read(_PIECE)
    except (http.client.HTTPException, OSError) as error:
        if total is None:
            raise _Wrong("broke off") from error
        return error.partial if isinstance(error, http.client.IncompleteRead) else b""


def _check(part: Path, file: RemoteFile) -> None:
    """Raise _Wrong, and remove the file, where it is not the published one."""
    found = None
    if file.n_bytes is not None and part.stat().st_size != file.n_bytes:
        found = f"{part.stat().st_size:,} bytes, where {file.n_bytes:,} are expected"
    elif file.md5 is not None:
        with part.open("rb") as opened:
            md5 = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if md5 != file.md5:
            found = f"another content, md5 {md5} where {file.md5} is expected"
    if found is not None:
        part.unlink()
        raise _Wrong(found)


def _parts(file: RemoteFile, folder: Path) -> list[Path]:
    return list(folder.glob(f".{file.name}.*.part"))


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    number = f"{error.code} " if isinstance(error, urllib.error.HTTPError) else ""
    return f"{number}{reason}" or type(error).__name__
