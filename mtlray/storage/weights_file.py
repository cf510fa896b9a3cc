"""Weights as a file: safetensors, with facts and a CRC-32 of all its bytes in its metadata, which other readers skip.

The format: the length of a header in 8 bytes, the header in JSON, and the tensors' bytes. No tensor is made here.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

from mtlray.storage.seal import BrokenSealError

_KEY = "mtlray"
_LENGTH = 8  # bytes
# As JSON within JSON has it.
_OPEN = rb"{\"crc32\":\""
_EMPTY = b"00000000"


def sealed_weights(data: bytes, facts: Mapping[str, Any]) -> bytes:
    """The bytes of a safetensors file with `facts`, plain JSON values, in the place of its metadata, and a checksum over all."""
    header, tensors = _parts(data)
    header["__metadata__"] = {_KEY: json.dumps({"crc32": _EMPTY.decode(), **facts}, separators=(",", ":"))}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)  # tensors begin at a multiple of 8, as the format asks
    start = len(text).to_bytes(_LENGTH, "little") + text
    at = _place(start)
    assert at is not None, "it was written just now"
    return start[:at] + b"%08x" % zlib.crc32(tensors, zlib.crc32(start)) + start[at + len(_EMPTY) :] + tensors


def facts_of_weights(data: bytes) -> dict[str, Any]:
    """The facts of a sealed file; empty for another's safetensors file, which has no seal. Raises BrokenSealError."""
    header, tensors = _parts(data)
    start = data[: len(data) - len(tensors)]
    text = (header.get("__metadata__") or {}).get(_KEY)
    if text is None:
        return {}
    at = _place(start)
    if at is None:
        raise BrokenSealError("Its checksum is missing.")
    found = start[at : at + len(_EMPTY)]
    blank = start[:at] + _EMPTY + start[at + len(_EMPTY) :]
    if found != b"%08x" % zlib.crc32(tensors, zlib.crc32(blank)):
        raise BrokenSealError("The checksum in the file is not that of its bytes.")
    facts: dict[str, Any] = json.loads(text)
    del facts["crc32"]
    return facts


def content_of_weights(data: bytes) -> str:
    """64 hex digits of sha256 over the tensors, their names, kinds and shapes, and nothing that the file says about them.

    Raises BrokenSealError where the bytes are not in the format.
    """
    header, tensors = _parts(data)
    view, digest = memoryview(tensors), hashlib.sha256()
    for name in sorted(header.keys() - {"__metadata__"}):
        entry = header[name]
        first, last = entry["data_offsets"]
        digest.update(json.dumps([name, entry["dtype"], entry["shape"]]).encode())
        digest.update(view[first:last])
    return digest.hexdigest()


def shapes_of_weights(data: bytes) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor by its name. Raises BrokenSealError where the bytes are not in the format."""
    header, _ = _parts(data)
    return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}


def _parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header, and the tensors' bytes."""
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    try:
        header = json.loads(data[_LENGTH:end])
        last = max((e["data_offsets"][1] for n, e in header.items() if n != "__metadata__"), default=0)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise BrokenSealError("It is no safetensors file.") from error
    if len(data) - end != last:
        raise BrokenSealError("Its end is missing, or something stands behind it.")
    return header, data[end:]


def _place(start: bytes) -> int | None:
    at = start.find(_OPEN)
    return at + len(_OPEN) if at >= 0 else None
