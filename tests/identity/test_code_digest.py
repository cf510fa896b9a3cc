"""The digest of a class of a sweep file: what of the file counts, and what does not."""

import functools
import importlib
import os
import py_compile
import sys
import types

import pytest
import torch

from mtlray import DWA
from mtlray.errors import SpecError
from mtlray.identity.code_digest import code_digest
from mtlray.identity.codec import class_name
from mtlray.specs.sweepfile import load_sweep

SWEEP = '''
"""A sweep."""
from dataclasses import dataclass
from typing import ClassVar
from mtlray import AbstractWeighting, Equal, LeNet, MultiMNIST, SGD, SweepSpec, TrialSpec

class Base(AbstractWeighting):
    def scale(self):
        return 2.0

@dataclass(frozen=True)
class Mine(Base):
    key: ClassVar[str] = "mine"

    def combine(self, losses, state):
        return self.scale() * losses.sum(dim=1), losses, state

SWEEP = SweepSpec(name="s", question="?", selection="best_test", strategies=(Mine(),), base=TrialSpec(
    dataset=MultiMNIST(), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.1), steps=1))
'''


def digest(tmp_path, name, text):
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    return code_digest(load_sweep(path)[1].Mine)


def test_code_digest_sees_code_and_nothing_else(tmp_path):
    first = digest(tmp_path, "first", SWEEP)
    same = SWEEP.replace("    key:", '    """What it does."""\n\n    # why\n    key:')
    same = same.replace("losses.sum(dim=1), losses, state", "losses.sum( dim = 1 ), losses, state  # note")
    same = same.replace("    def scale(self):\n", '    def scale(self):\n        """Two."""\n')
    assert digest(tmp_path, "same", same) == first
    assert digest(tmp_path, "other", SWEEP.replace("losses.sum(dim=1), losses", "losses.mean(dim=1), losses")) != first
    assert digest(tmp_path, "base", SWEEP.replace("return 2.0", "return 3.0")) != first, "bases count"


def test_a_class_of_a_sweep_file_carries_its_digest_into_the_trial_id(tmp_path):
    ids = []
    for name, text in [("one", SWEEP), ("two", SWEEP), ("three", SWEEP.replace("2.0", "3.0"))]:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        sweep, module = load_sweep(path)
        assert class_name(module.Mine) == f"Mine@{code_digest(module.Mine)}"
        ids.append(sweep.trials()[0].trial_id)
    assert ids[0] == ids[1] != ids[2]


# Each changes what Mine computes, and stands outside of its class statement; MARK is the place of the number that matters.
OUTSIDE = {
    "attribute": ("", "Mine.source = MARK"),
    "attribute of a base": ("", "Base.factor = MARK"),
    "rebound": ("def register(cls, n=MARK):\n    cls.n = n\n    return cls", "Mine = register(Mine)"),
    "handed to a function": ("def register(cls, n=MARK):\n    cls.n = n", "register(Mine)"),
    "setattr": ("", "setattr(Mine, 'scale', lambda self: MARK)"),
    "in a loop": ("", "for name in ('a', 'b'):\n    setattr(Mine, name, MARK)"),
    "in if": ("if True:\n    def helper():\n        return MARK", ""),
    "in try": (
        "try:\n    import no_such_module as helper\nexcept ImportError:\n    def helper():\n        return MARK",
        "",
    ),
    "in with": ("import contextlib\nwith contextlib.suppress(ValueError):\n    helper = lambda: MARK", ""),
    "in for": ("for value in (1, MARK):\n    helper = lambda value=value: value", ""),
    "in while": ("while True:\n    helper = lambda: MARK\n    break", ""),
    "annotated": ("helper: object = lambda: MARK", ""),
    "item": ("C = {'x': 1}\ndef helper():\n    return C['x']\nC['x'] = MARK", ""),
    "method": ("C = {'x': 1}\ndef helper():\n    return C['x']\nC.update(x=MARK)", ""),
    "changed in place": ("S = 1.0\nS *= MARK\ndef helper():\n    return S", ""),
    "several names": ("A, S = 1, MARK\ndef helper():\n    return S", ""),
}


def outside(before, after, number):
    text = SWEEP.replace("class Base", "def helper():\n    return 1\n\nBEFORE\n\nclass Base").replace(
        "return 2.0", "return helper()"
    )
    text = text.replace("\nSWEEP =", "\nAFTER\n\nSWEEP =").replace("BEFORE", before).replace("AFTER", after)
    return text.replace("MARK", str(number))


@pytest.mark.parametrize("name", OUTSIDE)
def test_code_digest_sees_what_changes_a_class_from_outside(tmp_path, name):
    one, two, again = (
        digest(tmp_path, f"sweep{i}", outside(*OUTSIDE[name], number)) for i, number in enumerate((3, 4, 3))
    )
    assert one == again
    assert one != two


@pytest.mark.parametrize(
    "change",
    [
        ("strategies=(Mine(),)", "strategies=(Mine(), Equal())"),
        ("SWEEP = ", "print(2)\nSWEEP = "),
        (
            "SWEEP = ",
            "GRID = [Mine()]\nRATES = {'a': 0.1}\nBASE = [Mine() for rate in RATES.values()]\nSWEEP = ",
        ),
        ("\nSWEEP = ", "\nMine.source = 'me'  # why\nSWEEP = "),
        ("SWEEP = ", "def unused():\n    return Mine\nSWEEP = "),
    ],
    ids=["grid", "call", "values", "comment", "unused"],
)
def test_code_digest_does_not_see_the_grid(tmp_path, change):
    text = SWEEP.replace("\nSWEEP =", "\nMine.source = 'me'\nSWEEP =") if "# why" in change[1] else SWEEP
    same = text.replace("\nMine.source = 'me'\n", "\n").replace(*change)
    assert digest(tmp_path, "one", text) == digest(tmp_path, "two", same)


def test_sweep_in_a_block_does_not_count(tmp_path):
    block = "if True:\n    def helper():\n        return 2\n    SWEEP = None"
    longer = block.replace("None", "[None, None]")
    assert digest(tmp_path, "one", outside(block, "", 0)) == digest(tmp_path, "two", outside(longer, "", 0))


@pytest.mark.parametrize(
    "make", ["def make():\n    CLASS\n    return Mine\nMine = make()", "Mine = type('Other', (Base,), {})"]
)
def test_a_class_that_is_made_elsewhere_is_refused(tmp_path, make):
    body = (
        "class Mine(Base):\n        key = 'mine'\n        def combine(self, losses, state):\n            return losses"
    )
    path = tmp_path / "made.py"
    path.write_text(SWEEP.split("@dataclass(frozen=True)")[0] + make.replace("CLASS", body) + "\nSWEEP = "
                    + SWEEP.split("SWEEP = ")[1].replace("Mine()", "Equal()"))  # fmt: skip
    _, module = load_sweep(path)
    with pytest.raises(SpecError, match="Move its `class` statement to the top level of the file"):
        class_name(module.Mine)


# -- a project of several files; each pair of texts differs in MARK alone

HEAD = SWEEP.split("class Base")[0]
BODY = "class Base" + SWEEP.split("class Base", 1)[1]
MODULES = {
    "a registering decorator": (
        "R = {}\ndef register(cls):\n    R[cls] = MARK\n    return cls\n",
        "@register\nclass Other:\n    pass\n",
    ),
    "__init_subclass__": (
        "R = []\nclass Root:\n    def __init_subclass__(cls, **k):\n        R.append(cls)\n",
        "class Other(Root):\n    x = MARK\n",
    ),
    "a function with global": ("S = 1.0\ndef change():\n    global S\n    S = MARK\n", "change()\n"),
    "global in SWEEP": (
        "S = 1.0\ndef change():\n    global S\n    S = MARK\n    return 'q'\n",
        "QUESTION = change()\n",
    ),
    "a function that fills a dict": ("C = {}\ndef fill(d):\n    d['x'] = MARK\n", "fill(C)\n"),
    "setdefault": ("C = {}\n", "_ = C.setdefault('x', MARK)\n"),
    "alias": ("", "Alias = Base\nAlias.factor = MARK\n"),
    "list comprehension": ("C = {}\n", "_ = [C.update(x=MARK) for _ in range(1)]\n"),
    "comprehension that sets": ("", "_ = [setattr(c, 'factor', MARK) for c in (Base,)]\n"),
    "a decorator applied later": ("def mark(cls):\n    cls.factor = MARK\n    return cls\n", "Mine = mark(Mine)\n"),
    "globals": ("", "globals()['Base'].factor = MARK\n"),
    "exec": ("", "exec('Base.factor = MARK')\n"),
    "a lambda that is called": ("", "_ = (lambda c: setattr(c, 'factor', MARK))(Base)\n"),
    "type.__setattr__": ("", "_ = type.__setattr__(Base, 'factor', MARK)\n"),
    "operator.setitem": ("import operator\nC = {}\n", "_ = operator.setitem(C, 'x', MARK)\n"),
    "functools.partial": ("import functools\n", "_ = functools.partial(setattr, Base, 'factor', MARK)()\n"),
    "map": ("C = []\n", "_ = tuple(map(C.append, (MARK,)))\n"),
    "walrus": ("", "_ = [(factor := MARK) for _ in range(1)]\nBase.factor = factor\n"),
    "a default argument": ("C = {}\n", "def unused(x=C.setdefault('x', MARK)):\n    pass\n"),
    "a class body": ("C = {}\n", "class Unused:\n    C['x'] = MARK\n"),
    "a value with __set_name__": (
        "class Setter:\n    def __set_name__(self, owner, name):\n        Base.factor = MARK\nSET = Setter()\n",
        "class Unused:\n    x = SET\n",
    ),
    "a metaclass": (
        "class Meta(type):\n    def __init__(cls, *a):\n        Base.factor = MARK\n",
        "class Unused(metaclass=Meta):\n    pass\n",
    ),
    "a closure": (
        "def outer():\n    value = MARK\n    def inner():\n        return value\n    return inner\n",
        "Base.factor = outer()()\n",
    ),
    "a library's setting": ("import torch\n", "torch.set_printoptions(precision=MARK)\n"),
    "an import by another name": ("from math import sqrt as root\n", "Base.factor = root(MARK)\n"),
    "all subclasses": (
        "class Root:\n    pass\ndef every():\n    return Root.__subclasses__()\n",
        "class Unused(Root):\n    x = MARK\n",
    ),
    "match": ("", "match MARK:\n    case value:\n        Base.factor = value\n"),
    "del": ("", "Base.factor = MARK\ndel Base.factor\n"),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("place", ["sweep file", "helper", "package"])
def test_code_digest_sees_what_runs_when_the_file_is_loaded(tmp_path, name, place):
    before, after = MODULES[name]
    seen = []
    for number in (3, 4, 3):
        folder = tmp_path / str(len(seen))
        folder.mkdir()
        first, second = before.replace("MARK", str(number)), after.replace("MARK", str(number))
        if place == "sweep file":
            text = HEAD + first + BODY.replace("\nSWEEP =", f"\n{second}\nSWEEP =")
        else:
            module = "aside" if place == "helper" else "inside.deep"
            path = folder / (module.replace(".", "/") + ".py")
            path.parent.mkdir(exist_ok=True)
            if place == "package":
                (folder / "inside" / "__init__.py").write_text("from . import deep\n")
            start, end = HEAD.split('"""A sweep."""\n')[1], BODY.split("\nSWEEP =")[0]
            path.write_text(f"{start}{first}{end}\n{second}")
            text = f"{HEAD}from {module} import Mine\nSWEEP ={BODY.split('SWEEP =')[1]}"
        seen.append(digest(folder, "sweep", text))
    if name == "a library's setting":
        torch.set_printoptions(profile="default")
    assert seen[0] == seen[2]
    assert seen[0] != seen[1]


HELPERS = {
    "import": ("import aside\n", "aside.scale()"),
    "from": ("from aside import scale\n", "scale()"),
    "renamed": ("from aside import scale as size\n", "size()"),
    "star": ("from aside import *\n", "scale()"),
    "within": ("", "__import__('aside').scale()"),
    "late": ("def late():\n    import aside\n    return aside.scale()\n", "late()"),
    "conditional": ("try:\n    import aside\nexcept ImportError:\n    aside = None\n", "aside.scale()"),
    "by name": ("import importlib\n", "importlib.import_module('asi' + 'de').scale()"),
    "by attribute": ("import aside\n", "getattr(aside, 'sc' + 'ale')()"),
    "as an object": ("import aside\nTABLE = {'m': aside}\n", "TABLE['m'].scale()"),
    "through another": ("import between\n", "between.aside.scale()"),
    "through another's name": ("from between import scale\n", "scale()"),
    "module __getattr__": ("import between\n", "between.anything()"),
}


@pytest.mark.parametrize("name", HELPERS)
def test_code_digest_follows_modules_beside_the_file(tmp_path, name):
    before, call = HELPERS[name]
    seen = []
    for number in (3, 4, 3):
        folder = tmp_path / str(len(seen))
        folder.mkdir()
        (folder / "aside.py").write_text(f"def scale():\n    return {number}.0\n")
        (folder / "between.py").write_text(
            "import aside\nfrom aside import scale\ndef __getattr__(name):\n    return aside.scale\n"
        )
        seen.append(digest(folder, "sweep", HEAD + before + BODY.replace("return 2.0", f"return {call}")))
    assert seen[0] == seen[2]
    assert seen[0] != seen[1]


SECOND = """
@dataclass(frozen=True)
class Two(Base):
    key: ClassVar[str] = 'two'
    x: float = 1.0

    def combine(self, losses, state):
        weights = 0 * losses
        weights[:, 0] = self.x
        return losses.sum(dim=1), weights, state

SWEEP ="""

# Each leaves what is finished alone.
SAME = {
    "a second plain strategy": ("\nSWEEP =", SECOND),
    "and its use": ("strategies=(Mine(),)", "strategies=(Mine(), Equal())"),
    "more seeds": ("strategies=(Mine(),)", "strategies=(Mine(),), seeds=range(9)"),
    "fractions by name": ("\nSWEEP =", "\nFRACTIONS = {'a': (1.0, 0.5)}\nSWEEP ="),
    "an unused import": ("from dataclasses", "import json\nimport os.path\nfrom dataclasses"),
    "a comment": ("class Base", "# why\nclass Base"),
    "a docstring": ("class Base(AbstractWeighting):\n", 'class Base(AbstractWeighting):\n    """What."""\n\n'),
    "a rule": ("strategies=(Mine(),)", "strategies=(Mine(),), rules=(lambda trial: trial,)"),
    "a function for a rule": ("\nSWEEP =", "\ndef rule(trial):\n    return trial if trial.seed < 3 else None\n\nSWEEP ="),
    "a plain function": ("\nSWEEP =", "\ndef unused():\n    return Mine\nSWEEP ="),
    "specs by name": (
        "\nSWEEP =",
        "\nRATES = [0.1 * 2**i for i in range(3)]\nOPTIMIZERS = tuple(SGD(lr=r) for r in RATES)\nSWEEP =",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_a_sweep_can_be_extended(tmp_path, name):
    assert SAME[name][0] in SWEEP
    assert digest(tmp_path, "one", SWEEP) == digest(tmp_path, "two", SWEEP.replace(*SAME[name], 1))


def test_each_edit_of_a_project_that_changes_no_number_keeps_all_ids(tmp_path):
    from user_project import FILES, ids, write

    before = ids(write(tmp_path, FILES))
    aside = "\n\nclass Added:\n    x = 1.0\n\n    def f(self):\n        return self.x\n"
    for file in FILES:
        text = FILES[file] + "\n# the end\n"
        assert ids(write(tmp_path, {**FILES, file: text})) == before
        assert ids(write(tmp_path, {**FILES, file: text.replace('"""', '"""Other: ', 1)})) == before
        assert ids(write(tmp_path, {**FILES, file: text + aside})) == before


def test_a_file_that_runs_is_the_file_that_is_hashed(tmp_path):
    """Python takes a compiled file for fresh where size and time are those of the source, as after `cp -p`."""
    seen = []
    for number in (3, 4):
        (tmp_path / "aside.py").write_text(f"SCALE = {number}.0\n")
        os.utime(tmp_path / "aside.py", (1_000_000_000, 1_000_000_000))
        text = HEAD + f"from aside import SCALE\nHERE = {number}\n" + BODY.replace("return 2.0", "return SCALE + HERE")
        (tmp_path / "sweep.py").write_text(text)
        os.utime(tmp_path / "sweep.py", (1_000_000_000, 1_000_000_000))
        _, module = load_sweep(tmp_path / "sweep.py")
        seen.append((module.Mine().scale(), code_digest(module.Mine)))
        importlib.invalidate_caches()
        py_compile.compile(str(tmp_path / "aside.py"))
        py_compile.compile(str(tmp_path / "sweep.py"))
    assert [scale for scale, _ in seen] == [6.0, 8.0]
    assert seen[0][1] != seen[1][1]


def test_a_module_that_is_imported_later_is_the_one_that_was_hashed(tmp_path):
    (tmp_path / "aside.py").write_text("SCALE = 3.0\n")
    (tmp_path / "sweep.py").write_text(SWEEP.replace("return 2.0", "import aside\n        return aside.SCALE"))
    _, module = load_sweep(tmp_path / "sweep.py")
    (tmp_path / "aside.py").write_text("SCALE = 4.0\n")
    assert module.Mine().scale() == 3.0
    first = code_digest(module.Mine)
    assert code_digest(load_sweep(tmp_path / "sweep.py")[1].Mine) != first


PATCHES = [
    "import torch\ntorch.Tensor.doubled = lambda self: 2 * self",
    "import torch.nn.functional as F\nF.relu = F.gelu",
    "from mtlray import DWA\nsetattr(DWA, 'combine', None)",
    "import torch\nif True:\n    torch.set_default_dtype(torch.float64)",
    "from torch import set_default_dtype as change, float64\nchange(float64)",
    "import numpy as np\nclass Inside:\n    np.pi = 3",
]


@pytest.mark.parametrize("text", PATCHES)
@pytest.mark.parametrize("place", ["sweep.py", "aside.py"])
def test_a_change_of_a_library_is_refused(tmp_path, monkeypatch, text, place):
    """Else a trial of mtlray's own classes would have other numbers under its old id."""
    import numpy
    import torch

    for of, name in ((torch.Tensor, "doubled"), (torch.nn.functional, "relu"), (DWA, "combine"), (numpy, "pi")):
        monkeypatch.setattr(of, name, getattr(of, name, None), raising=False)
    (tmp_path / "aside.py").write_text(text if place == "aside.py" else "")
    start = HEAD + ("import aside\n" if place == "aside.py" else text + "\n")
    try:
        with pytest.raises(SpecError, match=rf"{place}:\d+ should leave mtlray, torch and numpy as they are"):
            digest(tmp_path, "sweep", start + BODY)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_class_without_a_file_is_refused():
    made = type("Typed", (), {"__module__": "__session__"})
    with pytest.raises(SpecError, match="not at hand"):
        class_name(made)
    session = types.ModuleType("__session__")
    sys.modules["__session__"] = session
    try:
        with pytest.raises(SpecError, match="Write it to a file and import it from there"):
            class_name(type("Typed", (), {"__module__": "__session__"}))
    finally:
        del sys.modules["__session__"]


def build_seven():
    return 7


def number(value):
    @functools.wraps(build_seven)
    def build():
        return value

    return build


build_five = number(5)
build_five.__qualname__ = "build_five"


def test_a_function_that_has_the_name_of_another_is_refused():
    assert code_digest(build_five) == code_digest(build_five)
    for disguised in (number(8), number(9)):
        with pytest.raises(SpecError, match="The function `build_seven` should be defined at the top level"):
            code_digest(disguised)
