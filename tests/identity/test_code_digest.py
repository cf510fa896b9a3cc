"""The digest of a class of a sweep file: what of the file counts, and what does not."""

import pytest

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
