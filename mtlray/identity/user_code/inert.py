"""Which top-level statements provably change nothing but the names that they bind.

Plain definitions; and assignments, SWEEP among them, that only build values out of literals, classes of mtlray and the user's own
functions and classes, as long as these change nothing outside themselves. What cannot be proved here counts, so an error in doubt
costs a run and never lets two codes share an id.
"""

import ast
import builtins
import sys
from collections.abc import Iterable, Sequence

from mtlray.identity.user_code.expressions import Scope, chain_of, is_quiet_expression
from mtlray.identity.user_code.house import House, Meaning
from mtlray.identity.user_code.quiet import is_quiet_block, is_quiet_class, is_quiet_function
from mtlray.identity.user_code.statements import Module, Statement

_METHOD_DECORATORS = {
    "property", "staticmethod", "classmethod", "abc.abstractmethod", "functools.cached_property", "typing.override",
    "typing.final", "functools.cache", "functools.lru_cache", "torch.no_grad",
}  # fmt: skip
# Importing these changes no number: Python's own, and what mtlray itself imports.
_HARMLESS = sys.stdlib_module_names | {"mtlray", "torch", "numpy"}
_TRUSTED_BASES = (
    "mtlray",
    "torch",
    "abc",
    "typing",
    "enum",
    "collections",
    "numpy",
    "Exception",
    "object",
    "dataclasses",
)


class Inert:
    """Judges statements; what is judged once is remembered."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._judged: dict[Statement, bool] = {}
        self._quiet: dict[Statement, bool] = {}

    def is_inert(self, module: Module, statement: Statement) -> bool:
        """Whether running a statement changes nothing but the names it binds."""
        if statement not in self._judged:
            self._judged[statement] = False  # a definition that leads back to itself cannot be run
            self._judged[statement] = self._judge(module, statement)
        return self._judged[statement]

    def _judge(self, module: Module, statement: Statement) -> bool:
        node = statement.node
        if any(name.startswith("__") for name in statement.names):
            return False  # Python itself looks some of these up
        match node:
            case ast.Import() | ast.ImportFrom():
                bound = statement.imports[0]
                known = bound.module.split(".")[0] in _HARMLESS or self._house.module(bound.module) is not None
                return known and bound.module != "__future__" and bound.symbol != "*"
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return not node.decorator_list and self._is_plain_function(module, node)
            case ast.ClassDef():
                return self._is_plain_class(module, node)
            case ast.Assign(targets=targets, value=value):
                return all(map(_is_name, targets)) and self._is_quiet(module, value)
            case ast.AnnAssign(target=ast.Name(), value=value, annotation=annotation):
                return self._is_quiet(module, annotation) and (value is None or self._is_quiet(module, value))
            case ast.Expr(value=value):
                return self._is_quiet(module, value)
            case _:
                return False

    # -- definitions: what Python evaluates when it meets them

    def _is_plain_function(self, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        annotations = [a.annotation for a in every if a is not None] + [node.returns]
        evaluated = [*arguments.defaults, *arguments.kw_defaults, *annotations]
        return all(value is None or self._is_quiet(module, value) for value in evaluated)

    def _is_plain_class(self, module: Module, node: ast.ClassDef) -> bool:
        if node.keywords or not all(self._is_dataclass(module, decorator) for decorator in node.decorator_list):
            return False
        if not all(self._is_plain_base(module, base) for base in node.bases):
            return False
        inside = {name for child in node.body for name in _stored(child)}
        return all(self._is_plain_member(module, child, inside) for child in node.body)

    def _is_plain_member(self, module: Module, node: ast.stmt, inside: set[str]) -> bool:
        match node:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return True
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                known = all(self._is_method_decorator(module, d, inside) for d in node.decorator_list)
                plain = name not in {"__init_subclass__", "__set_name__", "__class_getitem__", "__mro_entries__"}
                return known and plain and self._is_plain_function(module, node)
            case ast.ClassDef():
                return self._is_plain_class(module, node)
            case ast.Assign(targets=targets, value=value):
                return all(map(_is_name, targets)) and self._is_plain_value(module, value, inside)
            case ast.AnnAssign(target=ast.Name(), value=value, annotation=annotation):
                quiet = self._is_quiet(module, annotation, inside)
                return quiet and (value is None or self._is_plain_value(module, value, inside))
            case _:
                return False

    def _is_plain_value(self, module: Module, value: ast.expr, inside: set[str]) -> bool:
        """A value in the body of a class; an object of the user's there may have a `__set_name__`."""
        if isinstance(value, ast.Call) and self._library(module, value.func) != "dataclasses.field":
            return False
        if isinstance(value, ast.Name) and value.id not in inside:
            meaning = self._house.meaning(module, (value.id,))
            node = meaning.statement.node if meaning.statement is not None else None
            literal = isinstance(node, (ast.Assign, ast.AnnAssign)) and not any(
                isinstance(child, ast.Call) for child in ast.walk(node)
            )
            if not (meaning.foreign or literal or isinstance(node, ast.FunctionDef) or value.id in dir(builtins)):
                return False
        return self._is_quiet(module, value, inside)

    def _is_dataclass(self, module: Module, decorator: ast.expr) -> bool:
        if isinstance(decorator, ast.Call):
            constant = all(isinstance(keyword.value, ast.Constant) for keyword in decorator.keywords)
            return not decorator.args and constant and self._is_dataclass(module, decorator.func)
        return self._library(module, decorator) == "dataclasses.dataclass"

    def _is_method_decorator(self, module: Module, decorator: ast.expr, inside: set[str]) -> bool:
        match decorator:
            case ast.Attribute(value=ast.Name(id=name), attr="setter" | "getter" | "deleter"):
                return name in inside
            case ast.Call(args=[], keywords=[]) | ast.Call(keywords=[ast.keyword(value=ast.Constant())]):
                return self._is_method_decorator(module, decorator.func, inside)
            case _:
                return self._library(module, decorator) in _METHOD_DECORATORS

    def _is_plain_base(self, module: Module, base: ast.expr) -> bool:
        if isinstance(base, ast.Subscript):
            return self._is_plain_base(module, base.value) and self._is_quiet(module, base.slice)
        library = self._library(module, base)
        if library:
            known = library.split(".")[0] in _TRUSTED_BASES
            return known or (isinstance(kind := getattr(builtins, library, None), type) and kind is not type)
        meaning = self._house.meaning(module, chain) if (chain := chain_of(base)) else Meaning()
        found, statement = meaning.module, meaning.statement
        is_class = statement is not None and isinstance(statement.node, ast.ClassDef)
        return is_class and found is not None and statement is not None and self.is_inert(found, statement)

    # -- expressions

    def _library(self, module: Module, node: ast.expr) -> str:
        """The dotted name of what is not the user's: `dataclasses.field`, or a builtin's name."""
        chain = chain_of(node)
        if not chain:
            return ""
        if chain[0] not in module.binders and "*" not in module.binders:
            return ".".join(chain) if hasattr(builtins, chain[0]) else ""
        return self._house.meaning(module, chain).foreign

    def _is_quiet(self, module: Module, node: ast.expr, inside: Iterable[str] = ()) -> bool:
        return is_quiet_expression(node, Scope(self._house, module, frozenset(inside), self._is_quiet_definition))

    def _is_quiet_definition(self, module: Module, statement: Statement) -> bool:
        """Whether running a function, or making and using an object of a class, changes nothing outside."""
        if statement not in self._quiet:
            self._quiet[statement] = True  # for one that calls itself, the rest of it decides
            node, scope = statement.node, Scope(self._house, module, frozenset(), self._is_quiet_definition)
            if isinstance(node, ast.ClassDef):
                self._quiet[statement] = is_quiet_class(node, scope)
            elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
                self._quiet[statement] = is_quiet_block(node, scope)
            elif self.is_inert(module, statement):
                self._quiet[statement] = not isinstance(node, ast.FunctionDef) or is_quiet_function(node, scope)
            else:
                self._quiet[statement] = False
        return self._quiet[statement]


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(map(_is_name, target.elts))
    return isinstance(target, ast.Name)


def _stored(node: ast.stmt) -> Sequence[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign() | ast.AnnAssign():
            return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        case _:
            return []
