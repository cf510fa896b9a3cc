"""Who makes prepared arrays: the data set whose `prepare` or `load` runs, by its class, the digest of its code, and its fields.

A folder keeps its maker's text in its record, so that arrays of an earlier text of a class are never taken for present ones.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from mtlray.errors import DataError, SpecError

NOTE = "made_by"
"""The key of the maker's text in what a folder's record says about its arrays. Arrays of mtlray's own data sets have none."""

_AT_WORK: ContextVar[Callable[[], str] | None] = ContextVar("mtlray_data_set_at_work", default=None)


@contextlib.contextmanager
def at_work(text: Callable[[], str]) -> Iterator[None]:
    """Within the block, arrays are made and read for the data set of that text, which is asked for only where arrays are."""
    token = _AT_WORK.set(text)
    try:
        yield
    finally:
        _AT_WORK.reset(token)


def note() -> dict[str, str]:
    """What the record of new arrays says about their maker; nothing where no data set is at work, and for mtlray's own."""
    text = _text()
    return {NOTE: text} if text else {}


def require_same(folder: Path, about: Mapping[str, str], *, making: bool) -> None:
    """Raise DataError where the arrays of a folder were made by something else than the data set that is at work.

    Arrays without a maker's text may be read, as an import may have made them; but who has code that makes them (`making`) must
    not take them for its own.
    """
    text, found = _text(), about.get(NOTE, "")
    if text is None or text == found or (text and not found and not making):
        return
    name = _name(text) if text else "mtlray's own data set"
    raise DataError(
        f"The prepared data in {folder} should be made by the present code and fields of {name}. Found "
        f"{_difference(text, found)}. Remove it with `mtlray data remove {folder.name}`, and it is made anew. To have a folder "
        "for each text of the class, write `self.prepared_folder(root)` where it names its folder."
    )


def class_in(about: Mapping[str, str]) -> str:
    """The class that made arrays, with the digest of its code, from what their record says; "" for mtlray's own."""
    return str(_parsed(about.get(NOTE, "")).get("type", ""))


def _text() -> str | None:
    """None where no data set is at work, or its code cannot be told in this process; "" for mtlray's own."""
    asked = _AT_WORK.get()
    if asked is None:
        return None
    try:
        return asked()
    except SpecError:  # made within another one's `load`, in a worker that has the class and not its file
        return None


def _difference(text: str, found: str) -> str:
    """What made the arrays instead, in words."""
    if not found:
        return "arrays that do not say what made them"
    here, there = _parsed(text), _parsed(found)
    if _name(text) != _name(found):
        return f"arrays made by {_name(found)}"
    fields = [
        name for name in sorted(here.keys() | there.keys()) if name != "type" and here.get(name) != there.get(name)
    ]
    if here.get("type") != there.get("type"):
        fields.insert(0, "code")
    return f"arrays made with {' and '.join(_other(name, there) for name in fields)}"


def _other(name: str, there: Mapping[str, Any]) -> str:
    return "another text of its code" if name == "code" else f"`{name}` = {json.dumps(there.get(name))}"


def _name(text: str) -> str:
    """The class of a maker's text, without the digest of its code."""
    return str(_parsed(text).get("type", "")).partition("@")[0]


def _parsed(text: str) -> dict[str, Any]:
    """The fields of a maker's text; none where it is not one."""
    try:
        content = json.loads(text)
    except (ValueError, TypeError):
        return {}
    return content if isinstance(content, dict) else {}
