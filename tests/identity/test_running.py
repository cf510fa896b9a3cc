"""A module that was edited after Python imported it is refused, and so is one that was reloaded after it was hashed."""

import importlib
import itertools
import sys

import pytest

from mtlray import SGD, LeNet, MultiMNIST, SweepSpec, TrialSpec
from mtlray.calls.opening import opened
from mtlray.errors import SpecError
from mtlray.identity.user_code.sources import _FINDER

TEXT = """
from dataclasses import dataclass
from typing import ClassVar
from mtlray import AbstractWeighting

SHARE = 0.5

@dataclass(frozen=True)
class Half(AbstractWeighting):
    key: ClassVar[str] = "half"
    LIMIT: ClassVar[int] = 3

    @property
    def twice(self):
        return 2 * SHARE

    @staticmethod
    def scaled(x):
        return SHARE * x

    def combine(self, losses, state):
        return self.scaled(losses).sum(dim=1), 0 * losses + SHARE, state
"""
EDITS = [
    ("SHARE = 0.5", "SHARE = 0.7"),
    ("LIMIT: ClassVar[int] = 3", "LIMIT: ClassVar[int] = 4"),
    ("return SHARE * x", "return SHARE + x"),
    ("return 2 * SHARE", "return 3 * SHARE"),
    ("0 * losses + SHARE", "1 * losses + SHARE"),
]
NUMBERS = itertools.count()


@pytest.fixture
def written(tmp_path, monkeypatch):
    name = f"mine_{next(NUMBERS)}"
    path = tmp_path / f"{name}.py"
    path.write_text(TEXT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    # As before the first sweep file was loaded; from then on modules are imported from the bytes that are hashed.
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if finder is not _FINDER])
    yield name, path
    sys.modules.pop(name, None)


def sweep_of(module):
    base = TrialSpec(dataset=MultiMNIST(), model=LeNet(), strategy=module.Half(), optimizer=SGD(lr=0.1), steps=2)
    return SweepSpec(name="s", question="?", base=base, strategies=(module.Half(),), selection="last")


@pytest.mark.parametrize(("before", "after"), EDITS)
def test_an_edit_after_the_import_is_refused(written, tmp_path, before, after):
    name, path = written
    module = importlib.import_module(name)
    path.write_text(TEXT.replace(before, after))
    with pytest.raises(SpecError, match=r"should be as it was when it was imported"):
        opened(sweep_of(module), tmp_path)


def test_what_is_as_it_was_imported_is_taken(written, tmp_path):
    module = importlib.import_module(written[0])
    assert len(opened(sweep_of(module), tmp_path).trials) == 1


def test_a_reload_after_the_digest_is_refused(written, tmp_path):
    name, path = written
    module = importlib.import_module(name)
    opened(sweep_of(module), tmp_path)
    path.write_text(TEXT.replace("SHARE * x", "SHARE - x"))
    importlib.reload(module)
    with pytest.raises(SpecError, match="`scaled` than the one that would run"):
        opened(sweep_of(module), tmp_path)
