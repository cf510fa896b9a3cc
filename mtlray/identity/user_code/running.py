"""Whether the user's modules that run here are those that were hashed: a kernel may have imported a file before it was edited."""

import ast
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from mtlray.errors import SpecError
from mtlray.identity.user_code.sources import PYTHON, Source, own_sources

_NOTHING = object()


def refuse_other_code() -> None:
    """Raise SpecError where a module that Python imported by itself is not what its digest is made of.

    Its functions, methods and literal values are compared; what a sweep file's loading imports is compiled from the hashed bytes.
    """
    for source in own_sources():
        module = sys.modules.get(source.module)
        spec = getattr(module, "__spec__", None)
        if (
            module is not None
            and source.path.endswith(PYTHON)
            and type(getattr(spec, "loader", None)) is SourceFileLoader
        ):
            name = next(_differences(module, source), None)
            if name is not None:
                raise SpecError(
                    f"{source.path} should be as it was when it was imported, because its text is part of the trials' identity. "
                    f"Found another `{name}` than the one that would run. Restart the kernel and run the cells again, or keep "
                    "the whole sweep in a file and give its path, which is read anew each time."
                )


def _differences(module: ModuleType, source: Source) -> Iterator[str]:
    """The names whose text is not what runs."""
    try:
        tree = ast.parse(source.data)
    except SyntaxError:
        yield source.module
        return
    compiled = compile(tree, source.path, "exec", dont_inherit=True)
    yield from _other_functions(vars(module), compiled, source.path)
    for values, body in [(vars(module), tree.body), *_classes(module, tree)]:
        for node in body:
            for name, value in _literals(node):
                if name in values and isinstance(values[name], type(value)) and values[name] != value:
                    yield name


def _other_functions(values: Any, compiled: CodeType, path: str) -> Iterator[str]:
    last = {code.co_name: code for code in compiled.co_consts if isinstance(code, CodeType)}
    for name, code in last.items():
        found = values.get(name, _NOTHING)
        found = getattr(found, "__func__", getattr(found, "fget", found))
        if isinstance(found, type):
            yield from _other_functions(vars(found), code, path)
            continue
        live = getattr(found, "__code__", None)
        if live is not None and live.co_filename == path and live.co_name == name and live != code:
            yield name


def _classes(module: ModuleType, tree: ast.Module) -> Iterator[tuple[Any, list[ast.stmt]]]:
    for node in tree.body:
        found = vars(module).get(node.name) if isinstance(node, ast.ClassDef) else None
        if isinstance(node, ast.ClassDef) and isinstance(found, type):
            yield vars(found), node.body


def _literals(node: ast.stmt) -> Iterator[tuple[str, Any]]:
    """The names that a statement binds to a literal."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    if names and value is not None:
        try:
            literal = ast.literal_eval(value)
        except ValueError:
            return
        yield from ((name, literal) for name in names)
