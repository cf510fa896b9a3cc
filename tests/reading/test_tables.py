"""csv and JSON: what does not hold the columns or the object that it should is told, and no flip ends otherwise."""

import json

import pytest
from flips import flips

from mtlray.reading.causes import ReadError
from mtlray.reading.tables import read_csv, read_json

ROWS = [{"file": f"{i}.jpg", "split": "train", "age": str(i)} for i in range(5)]
CSV = "file,split,age\n" + "".join(f"{row['file']},{row['split']},{row['age']}\n" for row in ROWS)


@pytest.mark.parametrize("content", [CSV.encode(), b"\xef\xbb\xbf" + CSV.encode(), CSV.replace("\n", "\r\n").encode()])
def test_rows_come_back(content):
    assert read_csv(content, "`x`", "file", "split") == ROWS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,age\na,1\n", "Found: no column split. Give it a first line with file,split."),
        (b"", "Found: no column file and no column split"),
        (CSV.encode() + b"a,b\n", "line 7 has not as many values as the first line has names"),
        (CSV.encode() + b"a,b,c,d\n", "line 7 has not as many values"),
        (CSV.encode() + b'"a,b,c\n', "unexpected end of data"),
        (CSV.encode() + b"a,b,\xff\n", "can't decode byte 0xff"),
        (CSV.encode() + b"a,b,\0\n", "it holds zero bytes"),
        (b"file,split\n" + b"a" * 200_000 + b",train\n", "field larger than field limit"),
    ],
)
def test_what_is_no_such_table_is_told(content, message):
    with pytest.raises(ReadError) as caught:
        read_csv(content, "`x`", "file", "split")
    assert "`x` should be a csv file with the columns file and split" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": ' * 100_000])
def test_what_is_no_json_object_is_told(content):
    with pytest.raises(ReadError, match=r"`x` should be a JSON object\. Found: it is damaged"):
        read_json(content, "`x`")


def test_flipped_bits_end_in_rows_or_in_a_clear_error():
    text = json.dumps({"rows": ROWS}).encode()
    for content in flips(CSV.encode(), 1000):
        try:
            assert read_csv(content, "`x`", "file", "split")
        except ReadError:
            continue
    for content in flips(text, 1000):
        try:
            assert read_json(content, "`x`")
        except ReadError:
            continue
