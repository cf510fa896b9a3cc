"""The user's own code as it was when a sweep was launched: one file for each digest, written once, in `code/` of its folder."""

import contextlib
import json

from mtlray.identity.code_digest import CodePart
from mtlray.storage.store import Store
from mtlray.words.masking import masked_within


def write_code(store: Store, digest: str, parts: tuple[CodePart, ...]) -> None:
    """Keep what a digest was made of; where it is there already, nothing is written. Raises OSError."""
    if not store.exists(_path(digest)):
        store.write(_path(digest), json.dumps(as_kept(parts), indent=1).encode())


def read_code(store: Store, digest: str) -> list[dict[str, str]] | None:
    """What a digest was made of, as `as_kept` gives it; None where that is not kept or cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        parts = json.loads(store.read(_path(digest)))["parts"]
        if all(isinstance(part[key], str) for part in parts for key in ("file", "name", "text")):
            found: list[dict[str, str]] = parts
            return found
    return None


def as_kept(parts: tuple[CodePart, ...]) -> dict[str, list[dict[str, str]]]:
    """Parts of code as JSON, without credentials."""
    kept: dict[str, list[dict[str, str]]] = masked_within(
        {"parts": [{"file": part.file, "name": part.name, "text": part.text} for part in parts]}
    )
    return kept


def _path(digest: str) -> str:
    return f"code/{digest}.json"
