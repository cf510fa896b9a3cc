"""Conditions: a small language that chooses trials by their fields, as `fraction == 0.25 and strategy != "dtp"`.

It is read with Python's own parser and evaluated here, from a list of allowed parts. Nothing in it is ever run as code.
"""

import ast
import difflib
import itertools
import operator
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtlray.errors import SpecError
from mtlray.words.values import shown

_LONGEST = 2_000  # characters; beyond, Python's parser may run out of its stack
_LISTED = 40  # fields that a message names
_VALUES = 8
_ALIASES = {"learning_rate": "optimizer.lr", "lr": "optimizer.lr"}
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_EXAMPLE = "Write, for example, --where 'fraction == 0.25 and strategy != \"dtp\"'."


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a trial's fields, parsed; `names` are the fields that it asks for."""

    text: str
    names: tuple[str, ...]
    _tree: ast.expr

    def choose(self, trials: Sequence[Mapping[str, Any]]) -> list[bool]:
        """For each trial, given as its fields by their dotted names, whether the condition holds.

        A field that a trial lacks is None: equal to nothing else, and in no order. A strategy is equal to its label and to its
        key, `dwa` for `dwa(temperature=1)`. Raises SpecError for a field that no trial has, with the nearest name, where a text
        is compared with numbers, and where the condition holds for no trial.
        """
        known = set().union(*trials)
        for name in self.names:
            if name not in known:
                raise unknown_field("--where", name, known)
        _require_kinds(self._tree, trials, self.text)
        chosen = [bool(_value(self._tree, fields, self.text)) for fields in trials]
        if not any(chosen):
            raise SpecError(
                f"Option --where should choose at least one trial. `{shown(self.text)}` holds for none of {len(trials):,}."
                f"{_found(self.names, trials)} Change the condition, or leave it out."
            )
        return chosen


def _found(names: Sequence[str], trials: Sequence[Mapping[str, Any]]) -> str:
    """What the named fields are in some trials."""
    found = []
    for name in names:
        values = list(dict.fromkeys(repr(fields[name]) for fields in trials if fields.get(name) is not None))
        more = f" and {len(values) - _VALUES} more" if len(values) > _VALUES else ""
        found.append(f"`{name}` is {shown(', '.join(values[:_VALUES]))}{more}")
    return f" There, {'; '.join(found)}." if found else ""


def unknown_field(option: str, name: str, known: Collection[str]) -> SpecError:
    """The error for a field that no trial has: shows the nearest name and the valid ones."""
    names = sorted(known)
    last = {full.rpartition(".")[2]: full for full in names}
    close = difflib.get_close_matches(name, names, n=1)
    near = close[0] if close else last.get(name) or last.get(name.rpartition(".")[2])
    hint = f" Did you mean `{near}`?" if near else ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return SpecError(
        f"Option {option} should name fields of the trials. Found `{shown(name)}`, which none has.{hint} "
        f"There are: {', '.join(names[:_LISTED])}{more}."
    )


def condition(text: str) -> Condition:
    """A condition from its text: comparisons of dotted names with numbers, texts, True, False, None and lists of these, joined
    by `and`, `or`, `not` and brackets.

    Raises SpecError, which says what it cannot be, for all else.
    """
    if not text.strip():
        raise SpecError(f"Option --where should be a condition on trials. Found an empty one. {_EXAMPLE}")
    if len(text) > _LONGEST:
        raise SpecError(f"Option --where should have at most {_LONGEST:,} characters. Found {len(text):,}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of `x is 1`, which is refused below
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        hint = ""
        if isinstance(error, SyntaxError) and "=" in text and not any(sign in text for sign in ("==", "!=", "<", ">")):
            hint = " Equality has two signs: `==`."
        raise SpecError(
            f"Option --where should be a condition on trials. Found `{shown(text)}`, which cannot be read.{hint} {_EXAMPLE}"
        ) from error
    names: dict[str, None] = {}
    try:
        _check(tree, text, names)
    except RecursionError as error:
        raise SpecError("Option --where should be a shorter condition. Found one nested too deeply.") from error
    return Condition(text.strip(), tuple(names), tree)


def _refusal(text: str, what: str) -> SpecError:
    return SpecError(
        f"Option --where should compare fields with values, joined by `and`, `or` and `not`. Found `{shown(text)}`, in which "
        f"{what}. {_EXAMPLE}"
    )


def _check(node: ast.expr, text: str, names: dict[str, None]) -> None:
    """Raise SpecError unless a part of the tree is true or false."""
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            _check(part, text, names)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, text, names)
    elif isinstance(node, ast.Compare):
        for sign in node.ops:
            if type(sign) not in _SIGNS:
                raise _refusal(text, "`is` stands where `==` should")
        for operand in (node.left, *node.comparators):
            _check_operand(operand, text, names)
    elif isinstance(node, (ast.Name, ast.Attribute)):
        names[_name(node, text)] = None
    elif not (isinstance(node, ast.Constant) and isinstance(node.value, bool)):
        raise _refusal(text, f"`{shown(ast.unparse(node))}` is no comparison")


def _check_operand(node: ast.expr, text: str, names: dict[str, None]) -> None:
    """Raise SpecError unless a part of the tree is a name, a value, or a list of values."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        names[_name(node, text)] = None
    elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for entry in node.elts:
            _check_operand(entry, text, names)
    elif not _is_number_or_text(node):
        raise _refusal(text, f"`{shown(ast.unparse(node))}` is neither a field nor a value")


def _is_number_or_text(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        node = node.operand
        return isinstance(node, ast.Constant) and type(node.value) in (int, float)
    return isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (bool, int, float, str))


def _name(node: ast.expr, text: str) -> str:
    """`strategy.temperature` of the tree that stands for it."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise _refusal(text, f"`{shown(ast.unparse(node))}` is no field")
    name = ".".join([node.id, *reversed(parts)])
    return _ALIASES.get(name, name)


def _value(node: ast.expr, fields: Mapping[str, Any], text: str) -> Any:
    """What a checked part of the tree is for a trial."""
    if isinstance(node, ast.BoolOp):
        every = isinstance(node.op, ast.And)
        parts = (bool(_value(part, fields, text)) for part in node.values)
        return all(parts) if every else any(parts)
    if isinstance(node, ast.UnaryOp):
        value = _value(node.operand, fields, text)
        if isinstance(node.op, ast.Not):
            return not value
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        pairs = zip(node.ops, operands, operands[1:], strict=False)
        return all(_compared(_SIGNS[type(sign)], left, right, fields, text) for sign, left, right in pairs)
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return [_value(entry, fields, text) for entry in node.elts]
    if isinstance(node, ast.Constant):
        return node.value
    return fields.get(_name(node, text))


def _compared(sign: str, left: ast.expr, right: ast.expr, fields: Mapping[str, Any], text: str) -> bool:
    """Whether one comparison holds."""
    one, other = _value(left, fields, text), _value(right, fields, text)
    if isinstance(right, ast.Name) and right.id == "strategy" and sign in ("==", "!="):
        left, right, one, other = right, left, other, one
    is_strategy = isinstance(left, ast.Name) and left.id == "strategy"
    if sign in ("in", "not in"):
        if not isinstance(other, list):
            raise _refusal(text, f"`{sign}` stands before something that is no list, such as (1, 2)")
        return any(_equal(one, entry, is_strategy) for entry in other) == (sign == "in")
    if sign in ("==", "!="):
        return _equal(one, other, is_strategy) == (sign == "==")
    if one is None or other is None or _kind(one) != _kind(other):
        return False
    if isinstance(one, (list, bool)) or isinstance(other, (list, bool)):
        raise _refusal(text, f"`{sign}` stands between values that have no order")
    return _ORDERS[sign](one, other)


def _equal(one: Any, other: Any, is_strategy: bool) -> bool:
    return bool(one == other or (is_strategy and isinstance(one, str) and _key(one) == other))


def _key(label: str) -> str:
    """`dwa` of `dwa(temperature=1)`, and `stl` of `stl:left`."""
    return label.partition("(")[0].partition(":")[0]


def _require_kinds(node: ast.expr, trials: Sequence[Mapping[str, Any]], text: str) -> None:
    """Raise SpecError where a text is compared with numbers, which is never true, and where a field is no comparison."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = _name(node, text)
        if not any(isinstance(fields.get(name), bool) for fields in trials):
            raise _refusal(text, f"`{name}` is no comparison")
        return
    if not isinstance(node, ast.Compare):
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                _require_kinds(part, trials, text)
        return
    operands = [node.left, *node.comparators]
    for left, right in itertools.pairwise(operands):
        kinds, others = set(_kinds(left, trials, text)), set(_kinds(right, trials, text))
        if {"text", "number"} == kinds | others and not kinds & others:
            words = {"text": "a text", "number": "a number"}
            raise _refusal(
                text,
                f"`{ast.unparse(left)}`, {words[kinds.pop()]}, stands beside `{ast.unparse(right)}`, {words[others.pop()]}; "
                "numbers stand without quotes, texts with them",
            )


def _kinds(node: ast.expr, trials: Sequence[Mapping[str, Any]], text: str) -> Iterator[str]:
    """The kinds of value that one side of a comparison has, None apart."""
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for entry in node.elts:
            yield from _kinds(entry, trials, text)
        return
    named = isinstance(node, (ast.Name, ast.Attribute))
    for fields in trials if named else trials[:1]:
        value = _value(node, fields, text)
        if value is not None:
            yield _kind(value)


def _kind(value: Any) -> str:
    return "number" if isinstance(value, (int, float)) else "text" if isinstance(value, str) else "list"
