"""The record of a folder of prepared arrays, `meta.json`: what they are, and what readers compare them with."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtlray.errors import DataError
from mtlray.reading.causes import Cause, ReadError, guarded
from mtlray.reading.tables import read_json
from mtlray.words.names import is_plain

RECORD = "meta.json"
"""The file of a folder that says what its arrays are; written last."""

# How arrays are made and laid out; counted up where a change would make other arrays under the same folder name.
_GENERATION = 1

_REMEDY = "Remove that folder and run `mtlray data prepare`, or `mtlray data import` again for data that you brought."


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known about the arrays of a folder: their fingerprint and names, and what their maker noted about them.

    `stamps` are the size and the date of each file, `headers` the checksum of what lies before its values; earlier versions
    wrote neither, or not both.
    """

    fingerprint: str
    arrays: Sequence[str]
    about: Mapping[str, str] = field(default_factory=dict)
    stamps: Mapping[str, Sequence[int]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The content of the file, with a checksum of all of it."""
        content = {"generation": _GENERATION, **dataclasses.asdict(self)}
        return json.dumps({**content, "seal": _seal(content)})


def is_here(folder: Path) -> bool:
    """Whether a folder holds prepared arrays. Raises DiskError where the disk does not tell."""
    with guarded(f"`{folder}`", "a folder that can be read"):
        return (folder / RECORD).exists()


def read_record(folder: Path) -> Record:
    """The record of a folder. Raises DataError, and DiskError where the disk does not give it."""
    try:
        with guarded(f"`{folder / RECORD}`", "the record of prepared data"):
            text = (folder / RECORD).read_bytes()
    except ReadError as error:
        raise damaged(folder, error) from error
    return record_in(text, folder)


def record_in(text: bytes, where: Path | str, remedy: str = _REMEDY) -> Record:
    """The record that a text holds. Raises DataError where it does not open, is damaged or of another generation."""
    try:
        content = read_json(text, f"`{RECORD}`")
        generation = content.get("generation", 1)  # records did not always have it
        if generation == _GENERATION:
            with guarded(f"`{RECORD}`", "a record of prepared data"):
                return _record(content)
    except ReadError as error:
        raise damaged(where, f"{RECORD} does not hold what it should ({error.found})", remedy) from error
    raise DataError(
        f"The prepared data in {where} should be of generation {_GENERATION}. Found generation {generation}, made by "
        f"another mtlray. {remedy}"
    )


def damaged(where: Path | str, found: str | ReadError, remedy: str = _REMEDY) -> DataError:
    """The error for arrays that are not those on record; trouble with the disk stays what it is."""
    if isinstance(found, ReadError):
        if found.cause is Cause.UNREADABLE:
            return found
        found = f"{found.name}: {found.found}"
    return DataError(f"The prepared data in {where} is damaged: {found}. {remedy}")


def _record(content: dict[str, Any]) -> Record:
    """Raises ValueError, TypeError or KeyError."""
    fields = {f.name for f in dataclasses.fields(Record)}
    rest = {name: value for name, value in content.items() if name != "seal"}
    if "seal" in content:
        if content["seal"] != _seal(rest):
            raise ValueError("its checksum is another")
    elif unknown := rest.keys() - fields - {"generation"}:  # a flipped bit in the name of the seal would be one
        raise ValueError(f"no checksum, and {', '.join(sorted(unknown))}")
    if absent := {"fingerprint", "arrays"} - rest.keys():
        raise ValueError(f"no {' and no '.join(sorted(absent))}")
    record = Record(**{name: value for name, value in rest.items() if name in fields})
    if not re.fullmatch("[0-9a-f]{16}", record.fingerprint):
        raise ValueError(f"fingerprint {record.fingerprint}")
    if not isinstance(record.arrays, list) or not all(is_plain(name) for name in record.arrays):
        raise ValueError("names of arrays that are none")
    if not all(isinstance(m, dict) for m in (record.about, record.stamps, record.headers)):
        raise ValueError("notes that are none")
    return record


def _seal(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
