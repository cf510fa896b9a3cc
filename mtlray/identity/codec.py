"""Specs as plain JSON values, with the class of each part named; the form in which a trial's identity is hashed.

Our own classes are named by their name; a user's class by its module and name, with the version of its package where that offers
strategies to mtlray; and one that is defined in a sweep file by its name and a digest of its code, because changing the code
changes the numbers.
"""

import ast
import dataclasses
import hashlib
import inspect
import json
import math
import operator
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

from mtlray.errors import SpecError, require
from mtlray.identity.plugins import package_of

# Modules loaded from a sweep file carry this prefix; see mtlray.specs.sweepfile.
SWEEP_MODULE = "mtlray_sweep_"


def encode(value: Any) -> Any:
    """A spec as JSON values. Raises SpecError for a field that has no JSON form."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"type": class_name(type(value)), **{name: encode(field) for name, field in _identity(value)}}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise SpecError(f"A spec should hold finite numbers. Found {value}.")
        return int(value) if value.is_integer() else value  # 1 and 1.0 are the same trial
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise SpecError(
        "The fields of a strategy, data set or model should be numbers, strings, booleans, None or tuples of these, because "
        f"they are part of a trial's identity. Found `{value!r}` of type {type(value).__name__}."
    )


def _identity(spec: Any) -> Iterator[tuple[str, Any]]:
    """The fields that tell a spec from others; one that came later is left out at the value that stands for "as before"."""
    for f in dataclasses.fields(spec):
        value = getattr(spec, f.name)
        if not ("neutral" in f.metadata and value == f.metadata["neutral"]):
            yield f.name, value


def canonical_json(spec: Any) -> str:
    """`encode(spec)` as text with sorted keys and no spaces. A part that many specs share is encoded once for all of them.

    Raises SpecError as `encode` does.
    """
    cls: type = type(spec)
    texts = {"type": _dumps(class_name(cls))}
    for name, value in _identity(spec):
        texts[name] = _part_json(_Same(value)) if dataclasses.is_dataclass(value) else _dumps(encode(value))
    return "{" + ",".join(f'"{name}":{texts[name]}' for name in sorted(texts)) + "}"


_dumps = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class _Same:
    """Stands for an object in a cache, equal to nothing but itself: 1 and True are equal and have two JSON forms."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value


@lru_cache(maxsize=1024)
def _part_json(part: _Same) -> str:
    return _dumps(encode(part.value))


def integer(name: str, value: Any, rule: str = "be an integer") -> int:
    """The value of a parameter that counts something, from Python or numpy. Raises SpecError for others, 1.0 and True too."""
    require(not isinstance(value, bool) and hasattr(value, "__index__"), name, rule, repr(value))
    return operator.index(value)


@cache
def class_name(cls: type) -> str:
    """The name under which a class enters a trial's identity."""
    if cls.__module__.split(".")[0] == "mtlray":
        return cls.__name__
    if cls.__module__ == "abc":  # what type("Mine", (AbstractWeighting,), {}) gives
        raise _made_elsewhere(cls)
    if cls.__module__.startswith(SWEEP_MODULE):
        return f"{cls.__qualname__}@{code_digest(cls)}"
    package = package_of(cls.__module__)
    return f"{cls.__module__}:{cls.__qualname__}" + (f"@{package}" if package else "")


def code_digest(cls: type) -> str:
    """8 hex digits over the code of a class and over all that it uses of its file: bases, functions, constants, and every
    statement at the file's top level that changes one of these afterwards.

    Comments, docstrings and layout do not count, and neither do SWEEP, imports, and what the class does not use. Raises
    SpecError for a class that is not defined at the top level of its file.
    """
    if cls.__module__ not in sys.modules:
        raise SpecError(
            f"The code of `{cls.__qualname__}` is not at hand: its sweep file is not loaded in this process."
        )
    defined = _definitions(sys.modules[cls.__module__])
    first = cls.__qualname__.split(".")[0]
    if "<locals>" in cls.__qualname__ or first not in defined:
        raise _made_elsewhere(cls)
    used, queue = set[str](), [first]
    while queue:
        name = queue.pop()
        if name in used or name not in defined:
            continue
        used.add(name)
        queue += [node.id for statement in defined[name] for node in ast.walk(statement) if isinstance(node, ast.Name)]
    code = "\n".join(ast.unparse(statement) for name in sorted(used) for statement in defined[name])
    return hashlib.sha256(code.encode()).hexdigest()[:8]


def _made_elsewhere(cls: type) -> SpecError:
    return SpecError(
        f"The class `{cls.__qualname__}` should be defined at the top level of its file, because its code is part of its trials' "
        "identity. Found one that is made elsewhere. Move its `class` statement to the top level of the file."
    )


@cache
def _definitions(module: ModuleType) -> dict[str, list[ast.stmt]]:
    """The top-level statements of a sweep file by the names they bind or change, in order and without docstrings."""
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    found: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        _drop_sweep(statement)
        for name in dict.fromkeys(_bound(statement)):
            found.setdefault(name, []).append(statement)
    found.pop("SWEEP", None)  # a longer grid keeps the ids of its trials
    return found


def _bound(node: ast.AST) -> Iterator[str]:
    """The names of the file that a statement binds, stores into, or hands to a call for the sake of what the call does."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
            return
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return  # their targets are their own
        case ast.Import() | ast.ImportFrom():
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield from _root(node)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.Expr(value=ast.Call() as call):
            yield from _handed(call)
    for child in ast.iter_child_nodes(node):
        yield from _bound(child)


def _handed(call: ast.Call) -> Iterator[str]:
    """The names that a call can change: `C` and `D` in `C.update(D)`, but not `Mine` in `grid.append(Mine())`."""
    if isinstance(call.func, ast.Attribute):
        yield from _root(call.func)
    queue: list[ast.expr] = [*call.args, *(keyword.value for keyword in call.keywords)]
    while queue:
        match queue.pop(0):
            case ast.Call() as inner:
                yield from _handed(inner)
            case ast.Starred(value=value):
                queue.append(value)
            case ast.Tuple(elts=values) | ast.List(elts=values) | ast.Set(elts=values) | ast.Dict(values=values):
                queue += values
            case ast.Name() | ast.Attribute() | ast.Subscript() as value:
                yield from _root(value)


def _root(node: ast.expr) -> Iterator[str]:
    """`C` of `C.a["b"].c`."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def _drop_sweep(statement: ast.stmt) -> None:
    """Take statements that only bind SWEEP out of the blocks of a compound statement."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    for node in ast.walk(statement):
        for block in ("body", "orelse", "finalbody"):
            inner = getattr(node, block, None)
            if isinstance(inner, list):
                kept = [child for child in inner if set(_bound(child)) != {"SWEEP"}]
                setattr(node, block, kept or ([ast.Pass()] if inner else []))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
