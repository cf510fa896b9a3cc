"""Random edits of a project of the user's own: where a trial's numbers change, its id does."""

import ast
import copy
import random
import warnings

import pytest
from user_project import FILES, numbers, write

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


def constant(tree, rng):
    node = rng.choice(
        [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, (int, float, str))]
    )
    choices = (
        [node.value + "x", node.value[1:]]
        if isinstance(node.value, str)
        else [node.value + 1, 2 * node.value, 0, -node.value]
    )
    node.value = rng.choice(choices)


def operator(tree, rng):
    node = rng.choice([n for n in ast.walk(tree) if isinstance(n, (ast.BinOp, ast.AugAssign, ast.Compare))])
    if isinstance(node, ast.Compare):
        node.ops[0] = rng.choice(COMPARISONS)()
    else:
        node.op = rng.choice(OPERATORS)()


def name(tree, rng):
    """A name, an attribute or a keyword becomes another one of the file."""
    nodes = [n for n in ast.walk(tree) if isinstance(n, (ast.Name, ast.Attribute, ast.arg, ast.alias))]
    node, other = rng.choice(nodes), rng.choice(nodes)
    field = {ast.Name: "id", ast.Attribute: "attr", ast.arg: "arg", ast.alias: "name"}
    setattr(node, field[type(node)], getattr(other, field[type(other)]))


def order(tree, rng):
    blocks = [n.body for n in ast.walk(tree) if isinstance(getattr(n, "body", None), list) and len(n.body) > 1]
    block = rng.choice([tree.body, rng.choice(blocks)])
    i, j = rng.sample(range(len(block)), 2)
    block[i], block[j] = block[j], block[i]


def decorator(tree, rng):
    """Leave a decorator out, apply it twice, or give one to a definition that has none."""
    nodes = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    marked = [n for n in nodes if n.decorator_list]
    if marked and rng.random() < 0.7:
        node = rng.choice(marked)
        if rng.random() < 0.5:
            node.decorator_list.pop(rng.randrange(len(node.decorator_list)))
        else:
            node.decorator_list.append(copy.deepcopy(node.decorator_list[0]))
    elif marked:
        rng.choice(nodes).decorator_list.append(copy.deepcopy(rng.choice(marked).decorator_list[0]))


def comprehension(tree, rng):
    found = [c for n in ast.walk(tree) for c in getattr(n, "generators", ())]
    if not found:
        return
    clause = rng.choice(found)
    if clause.ifs and rng.random() < 0.5:
        clause.ifs = []
    elif rng.random() < 0.5:
        clause.iter = ast.Call(ast.Name("reversed"), [ast.Call(ast.Name("list"), [clause.iter], [])], [])
    else:
        clause.iter = ast.Subscript(ast.Call(ast.Name("list"), [clause.iter], []), ast.Slice(ast.Constant(1)))


def statement(tree, rng):
    """Leave a statement out, or run it twice."""
    blocks = [n.body for n in ast.walk(tree) if isinstance(getattr(n, "body", None), list) and len(n.body) > 1]
    block = rng.choice([tree.body, rng.choice(blocks)])
    i = rng.randrange(len(block))
    block[i : i + 1] = [] if rng.random() < 0.5 else [block[i], copy.deepcopy(block[i])]


KINDS = (constant, operator, name, order, decorator, comprehension, statement)


def edited(text, kind, rng):
    tree = ast.parse(text)
    kind(tree, rng)
    return ast.unparse(ast.fix_missing_locations(tree))


def attempt(folder, files):
    """The numbers of an edited project by trial; None where the edit broke it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return numbers(write(folder, files))
    except Exception:
        return None


def mutate(folder, n, seed):
    """Edit one file at a time, at random; returns the edits that were missed, and how many changed numbers."""
    rng = random.Random(seed)
    plain = {name: ast.unparse(ast.parse(text)) for name, text in FILES.items()}
    before = numbers(write(folder, plain))
    missed, changed, ran = [], 0, 0
    for _ in range(n):
        kind, file = rng.choice(KINDS), rng.choice(list(plain))
        text = edited(plain[file], kind, rng)
        after = attempt(folder, {**plain, file: text})
        if after is None:
            continue
        ran += 1
        changed += list(after.values()) != list(before.values())
        if any(after[i] != before[i] for i in after.keys() & before.keys()):
            missed.append((kind.__name__, file, text))
    assert ran > n / 3, "most edits should leave something that runs"
    return missed, changed


@pytest.mark.usefixtures("unchecked")
def test_no_edit_changes_numbers_under_the_same_id(tmp_path):
    missed, changed = mutate(tmp_path, 40, seed=0)
    assert missed == []
    assert changed > 5


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("seed", range(1, 4))
def test_none_of_many_edits_changes_numbers_under_the_same_id(tmp_path, seed):
    missed, changed = mutate(tmp_path, 200, seed)
    assert missed == []
    assert changed > 30
