"""Seal: a checksum over a whole file, kept in the file itself; in the metadata of a Parquet file, with a few facts on it.

Parquet finds a torn file and not a flipped bit. A reader that wants only the facts reads bytes and parses no Parquet.
"""

import io
import json
import zlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_KEY = "mtlray_seal"
_OPEN = b'{"crc32":"'
_EMPTY = b"00000000"


class BrokenSealError(ValueError):
    """A file's bytes are not those that were sealed."""


def sealed(table: pa.Table, facts: Mapping[str, Any]) -> bytes:
    """A table as the bytes of a Parquet file that carries `facts`, plain JSON values, and the CRC-32 of all its bytes."""
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({_KEY: json.dumps({"crc32": _EMPTY.decode(), **facts}, separators=(",", ":"))})
    data = buffer.getvalue()
    at = _place(data)
    assert at is not None, "it was written just now"
    return data[:at] + b"%08x" % _checksum(data, at) + data[at + len(_EMPTY) :]


def facts_of(data: bytes) -> dict[str, Any] | None:
    """The facts of a sealed file; None for one without a seal. Raises BrokenSealError where a byte is not as it was."""
    at = check_seal(data)
    return None if at is None else _facts_at(data, at)


def facts_in_footer(footer: bytes) -> dict[str, Any] | None:
    """The facts in the last bytes of a sealed Parquet file, none of which is checked; None where there are none.

    Raises ValueError where they are torn.
    """
    at = _place(footer)
    return None if at is None else _facts_at(footer, at)


def _facts_at(data: bytes, at: int) -> dict[str, Any]:
    """The facts whose checksum lies there."""
    facts: dict[str, Any] = json.JSONDecoder().raw_decode(data[at - len(_OPEN) :].decode("latin-1"))[0]
    return facts


def check_seal(data: bytes) -> int | None:
    """Where a sealed file's checksum lies, if it is that of the bytes; None without a seal. Raises BrokenSealError."""
    at = _place(data)
    if at is not None and data[at : at + len(_EMPTY)] != b"%08x" % _checksum(data, at):
        raise BrokenSealError("The checksum in the file is not that of its bytes.")
    return at


def sealed_json(content: Mapping[str, Any]) -> bytes:
    """An object as JSON that carries the CRC-32 of all its bytes."""
    data = (_OPEN.decode() + _EMPTY.decode() + '",\n' + json.dumps(content, indent=1).lstrip("{")).encode()
    at = len(_OPEN)
    return data[:at] + b"%08x" % _checksum(data, at) + data[at + len(_EMPTY) :]


def with_trailer(data: bytes) -> bytes:
    """Bytes that are not Parquet, with their CRC-32 behind them."""
    return data + b"mtlray" + b"%08x" % zlib.crc32(data)


def without_trailer(data: bytes) -> bytes:
    """What `with_trailer` was given; bytes without a trailer as they are. Raises BrokenSealError."""
    body, mark, checksum = data[:-14], data[-14:-8], data[-8:]
    if mark != b"mtlray":
        return data
    if checksum != b"%08x" % zlib.crc32(body):
        raise BrokenSealError("The checksum behind the file is not that of its bytes.")
    return body


def _place(data: bytes) -> int | None:
    """Where the checksum is; the seal lies in the footer, behind all values."""
    at = data.rfind(_OPEN)
    return at + len(_OPEN) if at >= 0 else None


def _checksum(data: bytes, at: int) -> int:
    """CRC-32 over the file with zeros in the place of the checksum."""
    view = memoryview(data)
    return zlib.crc32(view[at + len(_EMPTY) :], zlib.crc32(_EMPTY, zlib.crc32(view[:at])))
