"""What can be wrong with a file that somebody brings, and the one place where what readers raise becomes a clear error.

Readers raise whatever their authors thought of: zipfile alone seven kinds, zlib, struct, numpy, scipy and Pillow their own.
"""

import contextlib
import enum
import errno
import warnings
from collections.abc import Iterator

from mtlray.errors import DataError, MtlrayError, StoreError


class Cause(enum.Enum):
    """Why a file or a member of an archive cannot be taken; each has its own remedy."""

    MISSING = "missing"
    LOCKED = "locked"
    UNREADABLE = "unreadable"
    DAMAGED = "damaged"
    UNKNOWN_KIND = "of an unknown kind"
    HOSTILE = "made to do harm"


_REMEDIES = {
    Cause.MISSING: "Fetch or unpack the data again.",
    Cause.LOCKED: "Unpack it with its password, and pack the content again without one.",
    Cause.UNREADABLE: "Check the disk or the network share that it is on, then run the same command again.",
    Cause.DAMAGED: "Fetch it again.",
    Cause.UNKNOWN_KIND: "Convert it to that kind with another program, or fetch the right file.",
    Cause.HOSTILE: "Do not unpack it. Fetch it again from its official source.",
}

# Errors of a system call that bytes of a file can cause: places to which they say one should go, and sizes.
_OF_THE_BYTES = frozenset({None, errno.EINVAL, errno.EOVERFLOW, errno.EFBIG, errno.ENAMETOOLONG})
_DENIED = frozenset({errno.EACCES, errno.EPERM})

_KINDS = (
    (0, (b"PK\3\4", b"PK\5\6", b"PK\7\x08"), "zip"),
    (0, (b"\x1f\x8b",), "gzip"),
    (0, (b"BZh",), "bzip2"),
    (0, (b"\xfd7zXZ\0",), "xz"),
    (257, (b"ustar",), "tar"),
    (0, (b"7z\xbc\xaf\x27\x1c",), "7z"),
    (0, (b"Rar!\x1a\x07",), "RAR"),
    (0, (b"\x28\xb5\x2f\xfd",), "Zstandard"),
    (0, (b"\x93NUMPY",), "npy"),
    (0, (b"\x89HDF\r\n\x1a\n",), "HDF5"),
    (0, (b"MATLAB 5.0",), "MATLAB 5"),
    (0, (b"\xff\xd8\xff",), "JPEG"),
    (0, (b"\x89PNG\r\n\x1a\n",), "PNG"),
    (0, (b"%PDF-",), "PDF"),
    (0, (b"version https://git-lfs",), "pointer of Git LFS"),
)


class ReadError(DataError):
    """A file, or a member of an archive, that cannot be taken; the message names it, what was found and the remedy."""

    def __init__(
        self, name: str, expected: str, found: str, cause: Cause, remedy: str | None = None, done: str = ""
    ) -> None:
        """`name` is the file's in backticks, `remedy` stands in place of that of the cause, `done` says what was not done."""
        super().__init__(name, expected, found, cause, remedy, done)  # all, so that the error survives a pickle
        self.name, self.expected, self.found, self.cause = name, expected, found, cause
        self.remedy, self.done = remedy or _REMEDIES[cause], done

    def __str__(self) -> str:
        found = f"it is damaged ({self.found})" if self.cause is Cause.DAMAGED else self.found
        return " ".join(
            filter(None, [f"{self.name} should be {self.expected}. Found: {found}.", self.done, self.remedy])
        )


class DiskError(ReadError, StoreError):
    """A file that the disk does not give, or not to this user: the StoreError of what somebody brings."""


@contextlib.contextmanager
def guarded(name: str, expected: str) -> Iterator[None]:
    """Turn whatever a reader raises in the block into a ReadError about `name`, which should be `expected`.

    The block reads and does nothing else: a fault of our own in it would be taken for one of the bytes. Warnings of readers are
    not shown.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MtlrayError:
        raise
    except Exception as error:
        raise _explained(error, name, expected) from error


@contextlib.contextmanager
def nothing_imported() -> Iterator[None]:
    """Say in a ReadError of the block that nothing was imported."""
    try:
        yield
    except ReadError as error:
        done = "Nothing was imported."
        raise type(error)(error.name, error.expected, error.found, error.cause, error.remedy, done) from error


def check_kind(head: bytes, wanted: tuple[str, ...], name: str, expected: str) -> None:
    """Raise ReadError for the first 512 bytes of a file that is empty, or clearly of another kind than `wanted`."""
    if not head:
        raise ReadError(name, expected, "no bytes", Cause.DAMAGED)
    kind = kind_of(head)
    if kind == "web page":
        raise ReadError(
            name, expected, "it is a web page", Cause.UNKNOWN_KIND, "Fetch the file itself, with a browser if need be."
        )
    if kind is not None and kind not in wanted:
        raise ReadError(name, expected, f"it is of another kind: {kind}", Cause.UNKNOWN_KIND)


def kind_of(head: bytes) -> str | None:
    """The kind of a file, by its first 512 bytes; None where they say nothing."""
    for at, signs, kind in _KINDS:
        if head[at:].startswith(signs):
            return kind
    text = head.lstrip().lower()
    return "web page" if text.startswith((b"<!doctype html", b"<html")) else None


def _explained(error: Exception, name: str, expected: str) -> ReadError:
    words = " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
    if isinstance(error, FileNotFoundError):
        return ReadError(name, expected, "nothing there", Cause.MISSING)
    if isinstance(error, OSError) and error.errno not in _OF_THE_BYTES:
        found = f"it cannot be read ({error.strerror or words})"
        if error.errno in _DENIED:
            return DiskError(
                name, expected, found, Cause.UNREADABLE, "Ask its owner for the right to read it (chmod +r)."
            )
        return DiskError(name, expected, found, Cause.UNREADABLE)
    if isinstance(error, NotImplementedError):
        return ReadError(name, expected, f"it is of a kind that cannot be read ({words})", Cause.UNKNOWN_KIND)
    if isinstance(error, MemoryError):
        words = "it asks for more memory than there is"
    return ReadError(name, expected, words, Cause.DAMAGED)
