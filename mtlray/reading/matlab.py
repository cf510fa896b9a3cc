"""Variables of MATLAB's files of versions 5 to 7: numbers, texts, cells and structures. Those of 7.3 are HDF5, read elsewhere.

scipy's reader, in C, takes types and sizes as a file claims them, and one flipped bit can end the process. It does not compare
the checksum of a compressed variable either. The format: "MAT-File Format", The MathWorks, section "Level 5".
"""

import enum
import math
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mtlray.reading.causes import Cause, ReadError, check_kind, guarded

_EXPECTED = "a MATLAB file of version 5 to 7"
_HEADER = 128  # bytes
_LIMIT = 2**31  # bytes of one variable
_MATRIX, _COMPRESSED = 14, 15  # types of elements
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_LETTERS = {1: "utf-8", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_OF_CLASS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = 0x800  # a flag beside the class


class _Class(enum.IntEnum):
    CELL = 1
    STRUCT = 2
    CHAR = 4


Parts = list[tuple[int, memoryview]]
"""Elements: the type of each, and its bytes."""


def read_mat(path: Path, *names: str, fields: Collection[str] = ()) -> dict[str, Any]:
    """The variables of these names: arrays of numbers, str for a text, lists for cells, and dicts for structures.

    Of structures only `fields` are read, which may be none. Raises ReadError, also where a variable is not there.
    """
    shown = f"`{path}`"
    with guarded(shown, _EXPECTED):
        content = path.read_bytes()
        check_kind(content[:512], ("MATLAB 5",), shown, _EXPECTED)
        if content[126:128] == b"IM" and content[125] == 2:
            remedy = "Save it in MATLAB with the option -v7."
            raise ReadError(shown, _EXPECTED, "version 7.3", Cause.UNKNOWN_KIND, remedy)
        order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
        if order is None or len(content) <= _HEADER:
            raise ValueError("no header")
        reader = _Reader(order, fields)
        found = reader.variables(memoryview(content)[_HEADER:], names)
    for name in names:
        if name not in found:
            raise ReadError(shown, f"a MATLAB file with `{name}`", f"no `{name}`", Cause.UNKNOWN_KIND)
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads elements in one byte order. Raises ValueError, or zlib.error, for what the format does not allow."""

    order: str
    fields: Collection[str]

    def variables(self, content: memoryview, names: Collection[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for kind, element in self.parts(content, 1):
            if kind == _COMPRESSED:
                ((kind, element),) = self.parts(memoryview(_unpacked(element)), 1)
            if kind != _MATRIX:
                raise ValueError(f"an element of type {kind} for a variable")
            parts = list(self.parts(element))
            name = bytes(parts[2][1]).decode() if len(parts) > 2 else ""
            if name in found:
                raise ValueError(f"`{name}` twice")
            if name in names:
                found[name] = self.value(parts)
        return found

    def parts(self, content: memoryview, padded_to: int = 8) -> Iterator[tuple[int, memoryview]]:
        """The elements that bytes consist of."""
        at = 0
        while at < len(content):
            if at + 8 > len(content):
                raise ValueError("it ends within a tag")
            kind, size = struct.unpack_from(f"{self.order}II", content, at)
            start, end = at + 8, at + 8 + size + -size % padded_to
            if kind >> 16:  # a small element, whose bytes lie in its tag
                kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
                if size > 4:
                    raise ValueError(f"an element of {size} bytes in a tag")
            if start + size > len(content):
                raise ValueError(f"it ends {start + size - len(content):,} bytes before its last element")
            yield kind, content[start : start + size]
            at = end

    def value(self, parts: Parts) -> Any:
        """What a variable's elements say: flags, sizes, its name, and its values."""
        if not parts:  # as in a cell that is empty
            return np.zeros((0, 0))
        (flags_kind, flags), (sizes_kind, sizes), (name_kind, _), *values = parts
        if (flags_kind, len(flags), sizes_kind, name_kind) != (6, 8, 5, 1):
            raise ValueError("a variable without flags, sizes and name")
        (said,) = struct.unpack_from(f"{self.order}I", flags)
        shape = tuple(struct.unpack(f"{self.order}{len(sizes) // 4}i", sizes))
        if min(shape, default=-1) < 0:
            raise ValueError(f"sizes {shape}")
        of_class, n = said & 0xFF, math.prod(shape)
        if of_class in _OF_CLASS and not said & _COMPLEX:
            return self.numbers(values, n).astype(_OF_CLASS[of_class]).reshape(shape, order="F")
        match of_class:
            case _Class.CELL:
                return self.cells(values, n)
            case _Class.STRUCT:
                return self.structure(values, n)
            case _Class.CHAR:
                return self.text(values, n)
        raise ValueError(f"a variable of class {of_class}, which holds no numbers, texts, cells or structures")

    def numbers(self, values: Parts, n: int) -> np.ndarray:
        ((kind, content),) = values
        dtype = np.dtype(self.order + _NUMBERS[kind])
        if len(content) != n * dtype.itemsize:
            raise ValueError(f"{len(content):,} bytes for {n:,} numbers of type {dtype.str}")
        return np.frombuffer(content, dtype)

    def text(self, values: Parts, n: int) -> str:
        if not n and not values:
            return ""
        ((kind, content),) = values
        code = _LETTERS[kind] if kind in (1, 2, 16) else f"{_LETTERS[kind]}-{'le' if self.order == '<' else 'be'}"
        text = bytes(content).decode(code)
        if len(text) != n:
            raise ValueError(f"{len(text):,} letters in a text of {n:,}")
        return text

    def cells(self, values: Parts, n: int) -> list[Any]:
        if len(values) != n:
            raise ValueError(f"{len(values):,} cells where {n:,} are expected")
        return [self.inner(element) for element in values]

    def structure(self, values: Parts, n: int) -> dict[str, Any]:
        (length_kind, length), (names_kind, names), *values = values
        (width,) = struct.unpack(f"{self.order}i", length)
        if (length_kind, names_kind) != (5, 1) or width < 1 or len(names) % width:
            raise ValueError("a structure without names of fields")
        fields = [bytes(names[i : i + width]).partition(b"\0")[0].decode("ascii") for i in range(0, len(names), width)]
        if n != 1 or len(values) != len(fields) or len(set(fields)) != len(fields):
            raise ValueError(f"{n} structures with {len(values)} values for {len(fields)} fields")
        return {name: self.inner(element) for name, element in zip(fields, values, strict=True) if name in self.fields}

    def inner(self, element: tuple[int, memoryview]) -> Any:
        kind, content = element
        if kind != _MATRIX:
            raise ValueError(f"an element of type {kind} for a value")
        return self.value(list(self.parts(content)))


def _unpacked(packed: memoryview) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(packed, _LIMIT)
    if not stream.eof or stream.unused_data:  # at its end zlib has compared the checksum
        raise ValueError("a variable that is cut, or too large")
    return content
