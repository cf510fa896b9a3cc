"""Specs as plain JSON values, with the class of each part named; the form in which a trial's identity is hashed.

Our own classes are named by their name; a user's class by its module and name, and one that is defined in a sweep file by its
name and a digest of its code, because changing the code changes the numbers.
"""

import ast
import dataclasses
import hashlib
import inspect
import math
import sys
from functools import cache
from types import ModuleType
from typing import Any

from mtlray.errors import SpecError

# Modules loaded from a sweep file carry this prefix; see mtlray.sweepfile.
SWEEP_MODULE = "mtlray_sweep_"


def encode(value: Any) -> Any:
    """A spec as JSON values. Raises SpecError for a field that has no JSON form."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            f.name: encode(getattr(value, f.name))
            for f in dataclasses.fields(value)
            # A field that came later is left out at the value that stands for "as before".
            if not ("neutral" in f.metadata and getattr(value, f.name) == f.metadata["neutral"])
        }
        return {"type": class_name(type(value)), **fields}
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


@cache
def class_name(cls: type) -> str:
    """The name under which a class enters a trial's identity."""
    if cls.__module__.split(".")[0] == "mtlray":
        return cls.__name__
    if cls.__module__.startswith(SWEEP_MODULE):
        return f"{cls.__qualname__}@{code_digest(cls)}"
    return f"{cls.__module__}:{cls.__qualname__}"


def code_digest(cls: type) -> str:
    """8 hex digits over the code of a class and over all that it uses of its file: bases, functions, constants.

    Comments, docstrings and layout do not count, and neither does what the class does not use, such as SWEEP.
    """
    if cls.__module__ not in sys.modules:
        raise SpecError(
            f"The code of `{cls.__qualname__}` is not at hand: its sweep file is not loaded in this process."
        )
    defined = _definitions(sys.modules[cls.__module__])
    used, queue = set[str](), [cls.__qualname__.split(".")[0]]
    while queue:
        name = queue.pop()
        if name in used or name not in defined:
            continue
        used.add(name)
        queue += [node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)]
    code = "\n".join(ast.unparse(defined[name]) for name in sorted(used))
    return hashlib.sha256(code.encode()).hexdigest()[:8]


@cache
def _definitions(module: ModuleType) -> dict[str, ast.stmt]:
    """The top-level classes, functions and assignments of a sweep file by name, without docstrings."""
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    found: dict[str, ast.stmt] = {}
    for statement in tree.body:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            found[statement.name] = statement
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            found |= {node.id: statement for t in targets for node in ast.walk(t) if isinstance(node, ast.Name)}
    return found


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
