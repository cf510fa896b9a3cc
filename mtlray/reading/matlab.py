"""Variables of MATLAB's files up to version 7. Those of 7.3 are HDF5, which is read elsewhere.

scipy stops reading a compressed variable where it has what it wants, before the checksum at its end. It takes the sizes that a
file claims as they are, and types too: one that does not exist ends the process. So each variable is unpacked and checked first.
"""

import io
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtlray.reading.causes import Cause, ReadError, check_kind, guarded

_EXPECTED = "a MATLAB file of version 5 to 7"
_HEADER = 128  # bytes
_COMPRESSED = 15
_MATRIX = 14
_TYPES = frozenset({*range(1, 8), 9, 12, 13, _MATRIX, 16, 17, 18})  # of elements in a matrix
_NESTED = frozenset({1, 2, 3})  # classes: cell, struct, object
_SPARSE = 5  # fewer values than places
_CLASSES = range(1, 16)  # characters and numbers, too; others are code
_LIMIT = 2**31  # bytes of one variable


def read_mat(path: Path, *names: str) -> dict[str, Any]:
    """The variables of these names. Raises ReadError, also where one is not there."""
    import scipy.io

    shown = f"`{path}`"
    with guarded(shown, _EXPECTED):
        content = path.read_bytes()
        check_kind(content[:512], ("MATLAB 5",), shown, _EXPECTED)
        if content[126:128] == b"IM" and content[125] == 2:
            raise ReadError(
                shown, _EXPECTED, "version 7.3", Cause.UNKNOWN_KIND, "Save it in MATLAB with the option -v7."
            )
        _check(content)
        found = scipy.io.loadmat(io.BytesIO(content), variable_names=names)
    for name in names:
        if name not in found:
            raise ReadError(shown, f"a MATLAB file with `{name}`", f"no `{name}`", Cause.UNKNOWN_KIND)
    return {name: found[name] for name in names}


def _check(content: bytes) -> None:
    """Raise ValueError or zlib.error unless the variables fill the file, and compressed ones fit their checksums."""
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None or len(content) <= _HEADER:
        raise ValueError("no header")
    at = _HEADER
    while at < len(content):
        kind, size = _tag(content, at, order)
        if at + 8 + size > len(content):
            raise ValueError(f"it ends {at + 8 + size - len(content):,} bytes before its last variable")
        if kind == _COMPRESSED:
            _check_matrix(_unpacked(memoryview(content)[at + 8 : at + 8 + size]), order)
        else:
            _check_matrix(memoryview(content)[at : at + 8 + size], order)
        at += 8 + size


def _tag(content: bytes | memoryview, at: int, order: str) -> tuple[int, int]:
    if at + 8 > len(content):
        raise ValueError("it ends within a tag")
    kind, size = struct.unpack_from(f"{order}II", content, at)
    return kind, size


def _unpacked(packed: memoryview) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(packed, _LIMIT)
    if not stream.eof or stream.unused_data:  # at its end zlib has compared the checksum
        raise ValueError("a variable that is cut, or too large")
    return content


def _check_matrix(element: bytes | memoryview, order: str) -> None:
    """Raise ValueError for an element that is no matrix, and for one in it that claims more values than it has bytes."""
    kind, size = _tag(element, 0, order)
    if kind != _MATRIX or size > len(element) - 8:
        raise ValueError(f"an element of type {kind} and {size:,} bytes in one of {len(element) - 8:,}")
    parts = list(_parts(memoryview(element)[8 : 8 + size], order))
    if not parts:  # an empty cell
        return
    of_class = struct.unpack_from(f"{order}I", parts[0][1])[0] & 0xFF
    if len(parts) < 2 or of_class not in _CLASSES:
        raise ValueError(f"a variable of class {of_class}")
    sizes = struct.unpack(f"{order}{len(parts[1][1]) // 4}i", parts[1][1])
    if min(sizes) < 0 or (of_class != _SPARSE and math.prod(sizes) > size):
        raise ValueError(f"{' x '.join(map(str, sizes))} values in {size:,} bytes")
    if of_class in _NESTED:
        for kind, whole in parts[2:]:
            if kind == _MATRIX:
                _check_matrix(whole, order)


def _parts(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The elements in a matrix: the type of each, and its bytes; of a matrix in it with its tag."""
    at = 0
    while at < len(content):
        kind, size = _tag(content, at, order)
        if kind & 0xFFFF not in _TYPES:
            raise ValueError(f"an element of type {kind & 0xFFFF}")
        if kind >> 16:  # a small element, whose bytes lie in its tag
            yield kind & 0xFFFF, content[at + 4 : at + 4 + min(kind >> 16, 4)]
            at += 8
            continue
        if at + 8 + size > len(content):
            raise ValueError(f"an element of {size:,} bytes in one of {len(content):,}")
        yield kind, content[at if kind == _MATRIX else at + 8 : at + 8 + size]
        at += 8 + size + -size % 8
