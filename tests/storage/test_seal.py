"""The checksum inside a file: every truncation and every flipped bit is found, and the facts come back without Parquet."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtlray.storage.seal import BrokenSealError, facts_of, sealed, with_trailer, without_trailer

TABLE = pa.table({"trial_id": ["a", "b"], "value": [1.5, None]})
FACTS = {"trials": ["a", "b"], "question": '±"}{"crc32":'}


def parsed(data):
    return pq.read_table(io.BytesIO(data)).replace_schema_metadata(None)


def read(data):
    """As a reader does: files of before there were seals are left to Parquet."""
    return facts_of(data) or parsed(data)


def test_the_facts_and_the_rows_come_back():
    data = sealed(TABLE, FACTS)
    facts = facts_of(data)
    assert {name: facts[name] for name in FACTS} == FACTS
    assert parsed(data) == TABLE


def test_a_file_without_a_seal_has_no_facts():
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer)
    assert facts_of(buffer.getvalue()) is None


def test_every_truncation_is_found():
    data = sealed(TABLE, FACTS)
    for length in range(len(data)):
        with pytest.raises((BrokenSealError, pa.ArrowException)):
            read(data[:length])


def test_a_flipped_bit_at_every_byte_is_found_or_harmless():
    data = sealed(TABLE, FACTS)
    bits = random.Random(0)
    harmless = 0
    for place in range(len(data)):
        torn = bytearray(data)
        torn[place] ^= 1 << bits.randrange(8)
        try:
            if facts_of(bytes(torn)) is None:  # the flip hit the words that mark the seal, and nothing else
                assert parsed(bytes(torn)) == TABLE
                harmless += 1
        except (BrokenSealError, pa.ArrowException):
            continue
    assert harmless <= len(b'{"crc32":"')


def test_a_trailer_finds_every_truncation_and_flipped_bit():
    data = with_trailer(b"some state of a network")
    assert without_trailer(data) == b"some state of a network"
    for place in range(len(data)):
        for torn in (data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :], data[:place]):
            try:
                content = without_trailer(torn)
            except BrokenSealError:
                continue
            assert content == torn, "taken for a file of an older release, whose own reader judges it"


def test_older_files_have_no_trailer():
    assert without_trailer(b"PK old") == b"PK old"
    assert without_trailer(b"") == b""
