"""Which of the user's functions and classes provably change nothing outside themselves when they run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from mtlray.identity.user_code.expressions import MUTATORS, PURE, READS, SETTERS, Scope, chain_of

_UNSAFE = {"setattr", "delattr", "input", "open", "breakpoint"}
_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_AT_DEFINITION = {"__init_subclass__", "__set_name__", "__class_getitem__", "__mro_entries__", "__prepare__"}


def is_quiet_function(node: ast.FunctionDef, scope: Scope) -> bool:
    """Whether calling a function changes nothing but objects that it made itself."""
    return _is_quiet_body(node, scope, frozenset())


def is_quiet_block(node: ast.stmt, scope: Scope) -> bool:
    """Whether what an `if`, a `try` or a loop defines changes nothing but objects that it made itself."""
    return _is_quiet_body(node, scope, frozenset())


def is_quiet_class(node: ast.ClassDef, scope: Scope) -> bool:
    """Whether making and using an object of a class changes nothing but that object."""
    members = [child for child in node.body if not _runs_at_definition(child)]
    own = {
        target.attr
        for child in ast.walk(node)
        if isinstance(child, ast.Assign) and not isinstance(child.value, (ast.Name, ast.Attribute, ast.Subscript))
        for target in child.targets
        if isinstance(target, ast.Attribute) and chain_of(target)[:1] == ("self",)
    }
    marked = all(_is_marking(decorator, scope) for decorator in node.decorator_list)
    bases = all(_is_quiet_mention(base, scope) for base in [*node.bases, *(k.value for k in node.keywords)])
    return marked and bases and all(_is_quiet_body(child, scope, frozenset(own)) for child in members)


def _runs_at_definition(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name in _AT_DEFINITION


def _is_quiet_mention(node: ast.AST, scope: Scope) -> bool:
    """Whether the user's definitions that an expression names are quiet."""
    meanings = [scope.meaning((child.id,)) for child in ast.walk(node) if isinstance(child, ast.Name)]
    return all(
        bool(m.statement and m.module and scope.judge(m.module, m.statement)) for m in meanings if m and not m.foreign
    )


def _is_marking(decorator: ast.expr, scope: Scope) -> bool:
    """Whether a class stays what it is under a decorator: one of a library, or one that returns what it was given."""
    chain = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
    meaning = scope.meaning(chain) if chain else None
    if meaning is None:
        return False
    if meaning.foreign:
        return meaning.foreign == "dataclasses.dataclass"
    function = meaning.statement.node if meaning.statement is not None else None
    if not isinstance(function, ast.FunctionDef):
        return False
    inner = [child for child in ast.walk(function) if isinstance(child, ast.FunctionDef)]
    names = {f.args.args[0].arg for f in inner if f.args.args} | {f.name for f in inner}
    returned = [child.value for child in ast.walk(function) if isinstance(child, ast.Return)]
    return all(isinstance(value, ast.Name) and value.id in names for value in returned)


def _is_quiet_body(node: ast.AST, scope: Scope, own: frozenset[str]) -> bool:
    """`own`: the attributes of `self` that its class makes anew for each object."""
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    parameters = {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
    fresh = (stored - parameters) - set(_aliased(node))
    body = _Body(scope.with_local(iter(stored | parameters)), frozenset(fresh), own)
    parents = {child: parent for parent in ast.walk(node) for child in ast.iter_child_nodes(parent)}
    return all(body.allows(child, parents.get(child)) for child in ast.walk(node))


def _aliased(node: ast.AST) -> Iterator[str]:
    """The local names that may stand for something that was there before."""
    for child in ast.walk(node):
        match child:
            case ast.Assign(
                targets=targets, value=ast.Name() | ast.Attribute() | ast.Subscript() | ast.IfExp() | ast.BoolOp()
            ):
                yield from _names(*targets)
            case ast.Assign(targets=targets):
                yield from _names(*(target for target in targets if not isinstance(target, ast.Name)))
            case ast.AnnAssign(target=target, value=ast.Name() | ast.Attribute() | ast.Subscript()):
                yield from _names(target)
            case ast.NamedExpr(target=target) | ast.For(target=target) | ast.comprehension(target=target):
                yield from _names(target)
            case ast.withitem(optional_vars=ast.expr() as target):
                yield from _names(target)


def _names(*targets: ast.expr) -> Iterator[str]:
    """The names that are bound, and not those whose items or attributes are."""
    for target in targets:
        yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


@dataclass(frozen=True, slots=True)
class _Body:
    """What may stand in a function or method."""

    scope: Scope
    fresh: frozenset[str]
    own: frozenset[str]

    def allows(self, node: ast.AST, parent: ast.AST | None) -> bool:
        match node:
            case ast.Global():
                return False
            case ast.Import() | ast.ImportFrom():
                return not any(self.scope.house.module(i.split(".")[0]) for i in _imported(node))
            case ast.Name(ctx=ast.Load()):
                return self._allows_name(node, parent)
            case ast.Attribute(ctx=ast.Store() | ast.Del(), value=value):
                return isinstance(value, ast.Name) and (value.id == "self" or value.id in self.fresh)
            case ast.Subscript(ctx=ast.Store() | ast.Del(), value=value):
                return self._is_new(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                return name in self.fresh or not isinstance(value, _DISPLAYS)
            case ast.Call(func=ast.Attribute(value=value, attr=attr)):
                return self._allows_method(value, attr, node)
            case _:
                return True

    def _is_new(self, node: ast.expr) -> bool:
        """Whether an object was made here: a local one, or one that `self` made for itself."""
        while isinstance(node, ast.Subscript):
            node = node.value
        chain = chain_of(node)
        return isinstance(node, ast.Call) or bool(
            chain and (chain[0] in self.fresh or (chain[0] == "self" and chain[1:2] and chain[1] in self.own))
        )

    def _allows_method(self, value: ast.expr, attr: str, call: ast.Call) -> bool:
        if attr.startswith("__"):
            of_object = isinstance(value, ast.Name) and value.id == "object" and chain_of(call.args[0])[:1] == ("self",)
            of_super = isinstance(value, ast.Call) and chain_of(value.func) == ("super",)
            return of_super or (of_object and attr == "__setattr__")
        chain = chain_of(call.func)
        meaning = self.scope.meaning(chain) if chain else None
        if meaning is not None and meaning.foreign:
            return not SETTERS.match(attr)
        return attr not in MUTATORS or self._is_new(value)

    def _allows_name(self, node: ast.Name, parent: ast.AST | None) -> bool:
        """The user's own definitions are quiet themselves; variables of the module are only read."""
        if node.id in _UNSAFE and node.id not in self.scope.local:
            return False
        meaning = self.scope.meaning((node.id,))
        if meaning is None or meaning.foreign or _only_read(node, parent):
            return True
        statement, module = meaning.statement, meaning.module
        if statement is None or module is None:
            inside = self.scope.meaning((node.id, parent.attr)) if isinstance(parent, ast.Attribute) else None
            if inside is not None and inside.statement is not None and inside.module is not None:
                return self.scope.judge(inside.module, inside.statement)
            return self.scope.is_quiet_wherever(node.id)
        if not self.scope.judge(module, statement):
            return False
        if isinstance(statement.node, (ast.ClassDef, ast.FunctionDef)) or _is_immutable(statement.node):
            return True
        return isinstance(parent, ast.Call) and parent.func is node


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def _is_immutable(node: ast.stmt) -> bool:
    """Whether a statement binds numbers, texts, or tuples of them."""
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    kinds = (
        ast.Constant,
        ast.Tuple,
        ast.UnaryOp,
        ast.BinOp,
        ast.operator,
        ast.unaryop,
        ast.Load,
        ast.JoinedStr,
        ast.FormattedValue,
    )
    return value is not None and all(isinstance(child, kinds) for child in ast.walk(value))


def _only_read(node: ast.Name, parent: ast.AST | None) -> bool:
    """Whether a variable stands where it can be neither changed nor called nor kept."""
    match parent:
        case ast.Subscript(ctx=ast.Load(), value=value):
            return value is node
        case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.For() | ast.comprehension() | ast.FormattedValue():
            return True
        case ast.Attribute(attr=attr):
            return attr in READS
        case ast.Call(func=ast.Name(id=name) as function):
            return (
                name in PURE - {"map", "filter", "getattr", "next", "iter", "super", "property"}
                and function is not node
            )
        case _:
            return False
