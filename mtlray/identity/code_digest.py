"""A digest of the code of a class that is defined in a sweep file: changing that code changes the trial's identity."""

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from mtlray.errors import SpecError


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
        raise made_elsewhere(cls)
    used, queue = set[str](), [first]
    while queue:
        name = queue.pop()
        if name in used or name not in defined:
            continue
        used.add(name)
        queue += [node.id for statement in defined[name] for node in ast.walk(statement) if isinstance(node, ast.Name)]
    code = "\n".join(ast.unparse(statement) for name in sorted(used) for statement in defined[name])
    return hashlib.sha256(code.encode()).hexdigest()[:8]


def made_elsewhere(cls: type) -> SpecError:
    """The error for a class whose code cannot be told, because no `class` statement at the top level of its file defines it."""
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
    defined: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        _drop_sweep(statement)
        for name in dict.fromkeys(_bound(statement)):
            defined.setdefault(name, []).append(statement)
    defined.pop("SWEEP", None)  # a longer grid keeps the ids of its trials
    return defined


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
