"""Digests of the user's own code: all that can decide what a class or function computes, so that changing it changes an identity.

Everything in its file counts but what is provably inert, and so does every module of the user's own that is imported.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from mtlray.errors import SpecError
from mtlray.identity.user_code.reach import Reach
from mtlray.identity.user_code.sources import SWEEP_MODULE, is_own, loaded_with, own_source
from mtlray.identity.user_code.statements import Module, Statement


@dataclass(frozen=True, slots=True)
class CodePart:
    """A statement that counts: its module ("" for the sweep file) and file, what it defines, and its text."""

    module: str
    file: str
    name: str
    text: str


def is_users_own(found: type | Callable[..., Any]) -> bool:
    """Whether a class or function is the user's: neither mtlray's nor from an installed package."""
    module = found.__module__
    if module.split(".")[0] == "mtlray":
        return False
    path = getattr(sys.modules.get(module), "__file__", None)
    return path is None or is_own(path)


@cache
def code_digest(found: type | Callable[..., Any]) -> str:
    """8 hex digits over all code of the user's own that a class or function reaches, in its file and in modules it imports.

    Comments, docstrings and layout do not count, and neither do SWEEP, unused imports, and plain definitions and values that
    nothing uses. Raises SpecError for one that is not defined at the top level of its file, or has none.
    """
    parts = code_parts(found)
    if all(part.module == parts[0].module for part in parts):
        text = "\n".join(part.text for part in parts)
    else:
        text = json.dumps([[part.module, part.text] for part in parts])
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:8]


@cache
def code_parts(found: type | Callable[..., Any]) -> tuple[CodePart, ...]:
    """What `code_digest` is made of. Raises SpecError."""
    name = found.__module__
    if name not in sys.modules:
        raise SpecError(
            f"The code of `{found.__qualname__}` is not at hand: its sweep file is not loaded in this process."
        )
    source = own_source(name)
    if source is None:
        raise SpecError(
            f"The code of `{found.__qualname__}` should be in a Python file, because it is part of its trials' identity. Found "
            "one that was typed into a session or a notebook, or made by `exec`. Write it to a file and import it from there; in "
            "a notebook begin its cell with `%%writefile mine.py`, and import it from `mine` in the next cell."
        )
    reach = Reach()
    module = reach.house.module(name)
    first = found.__qualname__.split(".")[0]
    if module is None or "<locals>" in found.__qualname__ or first not in module.binders or _is_disguised(found):
        raise made_elsewhere(found)
    reach.from_class(module, first, loaded_with(name))
    modules = [m for key in reach.counted if (m := reach.house.module(key)) is not None]
    modules.sort(key=lambda m: "" if m.name.startswith(SWEEP_MODULE) else m.name)
    return tuple(part for m in modules for part in _parts(m, reach))


def _is_disguised(found: type | Callable[..., Any]) -> bool:
    """Whether a function that another one made has the name of one at the top level, as `functools.wraps` gives it.

    What it remembers of where it was made would be in no digest. What a decorator made of a function there is that function.
    """
    if not isinstance(found, FunctionType) or "<locals>" not in found.__code__.co_qualname:
        return False
    named: Any = sys.modules[found.__module__]
    for step in found.__qualname__.split("."):
        named = getattr(named, step, None)
    return not isinstance(named, FunctionType) or _made_of(named) != _made_of(found)


def _made_of(function: FunctionType) -> tuple[Any, ...]:
    cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
    return function.__code__, function.__defaults__, function.__kwdefaults__, cells


def _parts(module: Module, reach: Reach) -> list[CodePart]:
    label = "" if module.name.startswith(SWEEP_MODULE) else module.name
    inside = (
        module.name.count(".") + module.source.is_package
    )  # of a package its folders too; no longer path, which is of a machine
    file = "/".join(Path(module.source.path).parts[-1 - inside :])
    if not module.readable:
        return [CodePart(label, file, "", hashlib.sha256(module.source.data).hexdigest())]
    parts = [s for s in module.parts(reach.counted[module.name]) if not (s.is_import and s.imports[0].is_usual)]
    if all(len(s.names) == 1 and module.only(s.names[0]) and reach.is_inert(module, s) for s in parts):
        parts.sort(key=_name)  # each name is bound once, by something plain: their order changes nothing
    return [CodePart(label, file, s.label, s.text) for s in parts]


def _name(statement: Statement) -> str:
    return statement.names[0]


def made_elsewhere(found: type | Callable[..., Any]) -> SpecError:
    """The error for a class or function whose code cannot be told: no statement at the top level of its file defines it."""
    kind, statement = ("class", "class") if isinstance(found, type) else ("function", "def")
    return SpecError(
        f"The {kind} `{found.__qualname__}` should be defined at the top level of its file, because its code is part of its "
        f"trials' identity. Found one that is made elsewhere. Move its `{statement}` statement to the top level of the file."
    )
