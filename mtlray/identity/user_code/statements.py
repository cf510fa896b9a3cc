"""A module of the user's own as its top-level statements: what each binds, what it mentions, and its text without comments."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from mtlray.identity.user_code.sources import Source

Chain = tuple[str, ...]
"""A name and the attributes read from it: `("helper", "scale")` of `helper.scale`."""

# Who uses one of these, in any file, can reach every name of the file, or more: names, modules, attributes.
_BUILTINS = {
    "exec",
    "eval",
    "compile",
    "globals",
    "locals",
    "vars",
    "dir",
    "__import__",
    "__builtins__",
    "__loader__",
    "__spec__",
}
_MODULES = {
    "inspect",
    "importlib",
    "builtins",
    "gc",
    "ctypes",
    "pickle",
    "runpy",
    "pkgutil",
    "marshal",
    "__main__",
    "types",
}
_ATTRIBUTES = {
    "__dict__", "__globals__", "__subclasses__", "__code__", "__closure__", "__builtins__", "__loader__", "__spec__", "_getframe",
    "currentframe", "import_module",
}  # fmt: skip
# These run a file or a text that may not be written out where they are called.
_RUNS_OTHERS = {
    "exec",
    "eval",
    "compile",
    "__import__",
    "__builtins__",
    "import_module",
    "importlib",
    "runpy",
    "pkgutil",
    "builtins",
}
_READS_DOCSTRINGS = {"__doc__", "doctest", "inspect"}

# What these names stand for wherever an import binds them; such an import is no part of the text.
_USUAL = {
    "dataclass": "dataclasses", "field": "dataclasses", "replace": "dataclasses", "ClassVar": "typing", "Literal": "typing",
    "Any": "typing", "Path": "pathlib", "Mapping": "collections.abc", "Sequence": "collections.abc",
    "Callable": "collections.abc", "Iterator": "collections.abc", "Iterable": "collections.abc", "Tensor": "torch", "nn": "torch",
}  # fmt: skip
_USUAL_MODULES = {
    "abc", "collections", "contextlib", "dataclasses", "enum", "functools", "itertools", "json", "math", "os", "random", "re",
    "sys", "time", "torch", "typing", "mtlray", "numpy", "torchvision", "operator", "logging",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Import:
    """One name that an import statement binds: `module` itself, or `symbol` of it; `*` for all of them."""

    module: str
    symbol: str | None
    bound: str

    @property
    def is_usual(self) -> bool:
        """Whether the name alone says what it is."""
        if self.symbol is None:
            return (self.module, self.bound) == ("numpy", "np") or self.module == self.bound in _USUAL_MODULES
        if self.symbol != self.bound or self.symbol == "*":
            return False
        return self.module == "mtlray" or _USUAL.get(self.symbol) == self.module


@dataclass(frozen=True, eq=False)
class Statement:
    """A top-level statement, or one name of an import statement."""

    node: ast.stmt
    names: tuple[str, ...]
    """The names of the module that it binds, whenever it runs."""
    imports: tuple[Import, ...]
    """What it imports, at any depth."""
    is_import: bool

    @cached_property
    def chains(self) -> frozenset[Chain]:
        return frozenset(_chains(self.node)) if not self.is_import else frozenset()

    @cached_property
    def text(self) -> str:
        return ast.unparse(self.node)

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.names[0] if self.names else self.text.splitlines()[0][:40]


@dataclass(eq=False)
class Module:
    """A module of the user's own, read and taken apart."""

    source: Source
    statements: list[Statement] = field(default_factory=list)
    is_reflective: bool = False
    """Whether something in it can reach names that it does not spell out."""
    runs_others: bool = False
    """Whether it can run files or texts that it does not spell out."""
    readable: bool = True
    """Whether it is Python; what is not counts by its bytes."""

    @property
    def name(self) -> str:
        return self.source.module

    @cached_property
    def binders(self) -> dict[str, list[int]]:
        """The statements that bind each name."""
        found: dict[str, list[int]] = {}
        for i, statement in enumerate(self.statements):
            for name in statement.names:
                found.setdefault(name, []).append(i)
        return found

    def only(self, name: str) -> Statement | None:
        """The statement that binds a name, where there is exactly one."""
        found = self.binders.get(name, [])
        return self.statements[found[0]] if len(found) == 1 else None

    def parts(self, indices: set[int]) -> list[Statement]:
        """Statements in the order of the file."""
        return [self.statements[i] for i in sorted(indices)]


def parsed(source: Source) -> Module:
    """Take a module apart; docstrings are left out unless the file reads docstrings."""
    module = Module(source)
    try:
        tree = ast.parse(source.data)
    except (SyntaxError, ValueError, RecursionError):
        module.readable = not source.data
        return module
    reflection = set(_reflection(tree))
    module.is_reflective, module.runs_others = bool(reflection), bool(reflection & _RUNS_OTHERS)
    if not reflection & _READS_DOCSTRINGS:
        _drop_docstrings(tree)
    for node in tree.body:
        if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                single = copy.copy(node)
                single.names = [alias]
                bound = tuple(_imports(single, source))
                module.statements.append(Statement(single, tuple(i.bound for i in bound), bound, True))
        else:
            for part in [*_taken_out(node), node]:
                imports = tuple(i for child in ast.walk(part) for i in _imports(child, source))
                module.statements.append(Statement(part, tuple(dict.fromkeys(_bound(part))), imports, False))
    return module


def _taken_out(node: ast.stmt) -> list[ast.stmt]:
    """The statements that bind SWEEP alone, taken out of the blocks of a compound statement."""
    found: list[ast.stmt] = []
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return found
    for child in ast.walk(node):
        for block in ("body", "orelse", "finalbody"):
            inner = getattr(child, block, None)
            if isinstance(inner, list) and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                sweeps = [s for s in inner if isinstance(s, ast.Assign) and set(_bound(s)) == {"SWEEP"}]
                setattr(child, block, [s for s in inner if s not in sweeps] or ([ast.Pass()] if inner else []))
                found += sweeps
    return found


def _reflection(tree: ast.AST) -> Iterator[str]:
    """What in a file can reach names that are not spelled out, and docstrings."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name in _BUILTINS or name == "__doc__":
                yield name
            case ast.Attribute(attr=name) if name in _ATTRIBUTES or name == "__doc__":
                yield name
            case ast.Attribute(attr="modules", value=ast.Name(id="sys")):
                yield "modules"
            case ast.Constant(value=str(name)) if name in _ATTRIBUTES or name == "__doc__":
                yield name  # as in getattr(cls, "__subclasses__")
            case ast.Import() | ast.ImportFrom():
                base = (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else []
                for name in [*base, *(part for alias in node.names for part in alias.name.split("."))]:
                    if name in _MODULES or name in _READS_DOCSTRINGS or (base == ["sys"] and name == "modules"):
                        yield name


def _imports(node: ast.AST, source: Source) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, None, alias.asname or alias.name.split(".")[0])
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = source.module.split(".")
            parts = parts[: len(parts) - node.level + source.is_package]
            base = ".".join([*parts, *([base] if base else [])])
        for alias in node.names:
            yield Import(base, alias.name, alias.asname or alias.name)


def _bound(node: ast.AST, local: bool = False) -> Iterator[str]:
    """The names of the module that a statement binds when it runs, or when a function in it runs that declares them global."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            if not local:
                yield node.name
            for child in ast.iter_child_nodes(node):
                outside = child in node.decorator_list or child is getattr(node, "args", None)
                yield from _bound(child, local or not outside)
            return
        case ast.Lambda():
            local = True
        case ast.Global(names=names):
            yield from names
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            if not local:
                yield from (n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
            return
        case ast.Import() | ast.ImportFrom() if not local:
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if not local:
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) if (
            not local
        ):
            yield name
        case ast.MatchMapping(rest=str(name)) if not local:
            yield name
    for child in ast.iter_child_nodes(node):
        yield from _bound(child, local)


def _chains(node: ast.AST) -> Iterator[Chain]:
    if isinstance(node, ast.Attribute):
        attributes: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            attributes.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield (inner.id, *attributes)
        else:
            yield from _chains(inner)
        return
    if isinstance(node, ast.Name):
        yield (node.id,)
    elif isinstance(node, ast.Global):
        yield from ((name,) for name in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _chains(child)


def _drop_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
