"""Which of the user's expressions provably only build a value."""

import ast
import builtins
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mtlray.identity.user_code.house import House, Meaning
from mtlray.identity.user_code.statements import Chain, Module, Statement

Judge = Callable[[Module, Statement], bool]

PURE = {
    "abs", "all", "any", "bool", "bytes", "complex", "dict", "divmod", "enumerate", "filter", "float", "frozenset",
    "hash", "int", "isinstance", "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "ord",
    "chr", "pow", "print", "property", "range", "repr", "reversed", "round", "set", "slice", "sorted", "staticmethod",
    "classmethod", "str", "sum", "super", "tuple", "type", "zip", "NotImplemented", "Ellipsis", "hasattr", "getattr",
    "callable", "format", "True", "False", "None",
}  # fmt: skip
_LIBRARIES = {
    "mtlray", "math", "itertools", "dataclasses", "functools", "typing", "fractions", "decimal", "pathlib",
    "collections", "string", "statistics", "enum", "abc",
}  # fmt: skip
_NUMPY = {"linspace", "arange", "logspace", "geomspace", "array", "round", "asarray", "float32", "float64", "prod"}
READS = {
    "items", "keys", "values", "get", "copy", "index", "count", "format", "join", "split", "rsplit", "strip", "lower",
    "upper", "title", "replace", "startswith", "endswith", "trials", "narrowed", "tolist", "union", "intersection",
    "difference", "is_integer", "zfill", "item", "removeprefix", "removesuffix", "exists", "resolve", "with_suffix",
    "joinpath", "as_posix",
}  # fmt: skip
MUTATORS = {
    "append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "remove", "discard", "clear",
    "sort", "reverse", "move_to_end", "appendleft", "popleft", "register", "intersection_update", "difference_update",
    "symmetric_difference_update", "rotate", "subtract", "write", "send",
}  # fmt: skip
SETTERS = re.compile(
    r"^(set|use_|enable|disable|register|manual_seed|seed|patch|putenv|chdir|reload|iadd|i?concat$|delitem|ior$|write|unlink)"
)
_COMBINING = (
    ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.JoinedStr,
    ast.FormattedValue, ast.Slice, ast.Starred, ast.Subscript,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands: its module, names that are its own, and who judges the definitions that it names."""

    house: House
    module: Module
    local: frozenset[str]
    judge: Judge

    def meaning(self, chain: Chain) -> Meaning | None:
        """None for a name of the expression's own, and for a builtin."""
        if chain[0] in self.local:
            return None
        if chain[0] not in self.module.binders and "*" not in self.module.binders:
            return None
        return self.house.meaning(self.module, chain)

    def with_local(self, names: Iterator[str]) -> "Scope":
        return Scope(self.house, self.module, self.local | set(names), self.judge)

    def is_quiet_name(self, chain: Chain) -> bool:
        """Whether whatever a name or `a.b` stands for may be used, and called, and changes nothing."""
        meaning = self.meaning(chain)
        if meaning is None:
            return chain[0] in self.local or chain[0] in PURE or not _is_callable(chain[0])
        if meaning.foreign:
            return self._is_quiet_library(meaning.foreign)
        if meaning.statement is not None and meaning.module is not None:
            return self.judge(meaning.module, meaning.statement)
        if len(chain) > 1:  # an attribute of a class or a value
            root = self.meaning(chain[:1])
            return root is not None and root.statement is not None and self.is_quiet_name(chain[:1])
        return self.is_quiet_wherever(chain[0])

    def is_quiet_wherever(self, name: str) -> bool:
        """Whether a name of the module stands for something quiet whichever of several statements binds it."""
        bound = [self.module.statements[i] for i in self.module.binders.get(name, [])]
        known = len(bound) > 1 or any(not statement.is_import for statement in bound)
        return known and all(self.judge(self.module, statement) for statement in bound)

    def _is_quiet_library(self, name: str) -> bool:
        parts = name.split(".")
        if parts[0] == "numpy":
            return parts[-1] in _NUMPY
        return parts[0] in _LIBRARIES and not SETTERS.match(parts[-1])


def chain_of(node: ast.expr) -> Chain:
    """`("a", "b")` of the expression `a.b`; empty for another kind of expression."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    return (node.id, *attributes) if isinstance(node, ast.Name) else ()


def is_quiet_expression(node: ast.AST, scope: Scope) -> bool:
    """Whether evaluating an expression only builds a value."""

    def each(*nodes: ast.AST | None, within: Scope = scope) -> bool:
        return all(child is None or is_quiet_expression(child, within) for child in nodes)

    match node:
        case ast.Constant():
            return True
        case ast.Name():
            return scope.is_quiet_name((node.id,))
        case ast.Attribute():
            if (node.attr.startswith("__") and node.attr != "__name__") or node.attr in MUTATORS:
                return False
            chain = chain_of(node)
            if chain and chain[0] not in scope.local:
                meaning = scope.meaning(chain)
                return scope.is_quiet_name(chain) or (meaning is not None and bool(meaning.foreign))
            return each(node.value)
        case ast.Call():
            return _is_quiet_call(node, scope) and each(*node.args, *(keyword.value for keyword in node.keywords))
        case ast.Lambda(args=arguments, body=body):
            inner = scope.with_local(_parameters(arguments))
            return each(*arguments.defaults, *arguments.kw_defaults) and each(body, within=inner)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            targets = (n.id for c in node.generators for n in ast.walk(c.target) if isinstance(n, ast.Name))
            inner = scope.with_local(targets)
            parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            parts += [part for c in node.generators for part in (c.iter, *c.ifs)]
            return not any(c.is_async for c in node.generators) and each(*parts, within=inner)
        case _ if isinstance(node, _COMBINING):
            return each(*(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)))
        case _:
            return False


def _is_quiet_call(node: ast.Call, scope: Scope) -> bool:
    match node.func:
        case ast.Name(id="type"):
            return len(node.args) == 1 and not node.keywords  # with three it makes a class
        case ast.Name(id=name):
            return scope.is_quiet_name((name,))
        case ast.Attribute(value=value, attr=attr):
            if attr.startswith("__"):
                return False
            chain = chain_of(node.func)
            meaning = scope.meaning(chain) if chain else None
            if meaning is not None and (meaning.foreign or meaning.statement is not None):
                return scope.is_quiet_name(chain)
            root = scope.meaning(chain[:1]) if chain else None
            if root is not None and root.statement is not None and isinstance(root.statement.node, ast.ClassDef):
                return attr not in MUTATORS and scope.is_quiet_name(chain[:1])
            return attr in READS and is_quiet_expression(value, scope)
        case ast.Call() | ast.Lambda():
            return is_quiet_expression(node.func, scope)
        case _:
            return False


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    return (node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg))


def _is_callable(name: str) -> bool:
    """Whether a builtin does something; exceptions only stand for themselves."""
    value = getattr(builtins, name, None)
    return callable(value) and not (isinstance(value, type) and issubclass(value, BaseException))
