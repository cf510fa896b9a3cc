"""Text that holds tables or records: csv with the columns that it should have, and JSON."""

import csv
import io
import json
from typing import Any

from mtlray.reading.causes import Cause, ReadError, guarded

TABLE = 2**28
"""More bytes than any list of a data set's files has."""


def read_csv(content: bytes, name: str, *columns: str) -> list[dict[str, str]]:
    """The rows of a csv file in UTF-8 whose first line names at least these columns. Raises ReadError.

    `name` is the file's in backticks.
    """
    expected = f"a csv file with the columns {' and '.join(columns)}"
    with guarded(name, expected):
        text = content.decode("utf-8-sig")  # as Excel writes it
        if "\0" in text:
            raise ValueError("it holds zero bytes")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise ReadError(
                name,
                expected,
                f"no column {' and no column '.join(missing)}",
                Cause.UNKNOWN_KIND,
                f"Give it a first line with {','.join(columns)}.",
            )
        rows = list(reader)
        for number, row in enumerate(rows, 2):
            if None in row or None in row.values():
                raise ValueError(f"line {number} has not as many values as the first line has names")
    return rows


def read_json(content: bytes, name: str) -> dict[str, Any]:
    """The JSON object in a file; `name` is the file's in backticks. Raises ReadError."""
    with guarded(name, "a JSON object"):
        record = json.loads(content)
        if not isinstance(record, dict):
            raise TypeError(f"a {type(record).__name__}")
    return record
