"""Statements that change mtlray, torch or numpy themselves while a file is imported.

Trials of mtlray's own classes hold no digest of the user's code, so such a change would not show in their identity.
"""

import ast
from collections.abc import Iterator

from mtlray.identity.user_code.expressions import chain_of
from mtlray.identity.user_code.house import House
from mtlray.identity.user_code.statements import Module

_LIBRARIES = {"mtlray", "torch", "numpy"}
_SETTINGS = {
    "set_default_dtype", "set_default_device", "set_default_tensor_type", "set_float32_matmul_precision", "set_flush_denormal",
    "use_deterministic_algorithms",
}  # fmt: skip


def patch_in(name: str) -> tuple[str, int, str] | None:
    """The file, the line and the text of the first such statement in a module of the user's own; None where there is none."""
    house = House()
    module = house.module(name)
    for statement in module.statements if module is not None else ():
        for node in _run_at_import(statement.node):
            if module is not None and _is_patch(house, module, node):
                return module.source.path, getattr(node, "lineno", 0), ast.unparse(node)
    return None


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement but those in the bodies of functions."""
    yield node
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from _run_at_import(child)


def _is_patch(house: House, module: Module, node: ast.AST) -> bool:
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            return _is_of_library(house, module, node.value)
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[of, *_]):
            return _is_of_library(house, module, of)
        case ast.Call(func=ast.Attribute(attr=attr, value=of)):
            return attr in _SETTINGS and _is_of_library(house, module, of)
        case ast.Call(func=ast.Name(id=name)):
            return house.meaning(module, (name,)).foreign.rpartition(".")[2] in _SETTINGS
        case _:
            return False


def _is_of_library(house: House, module: Module, node: ast.expr) -> bool:
    chain = chain_of(node)
    return bool(chain) and house.meaning(module, chain).foreign.split(".")[0] in _LIBRARIES
