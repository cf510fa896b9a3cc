"""Why a trial is to run after an edit of the user's code: its file and its definition are named."""

import pytest
from user_project import FILES, write

from mtlray.planning.code_changes import keep_code
from mtlray.planning.why import why_text
from mtlray.results.code_texts import read_code
from mtlray.results.ledger import Ledger
from mtlray.specs.sweepfile import load_sweep

EDITS = {
    "a helper's function": ("helper.py", "power / 2", "power / 3", "`temper` in helper.py"),
    "a helper's constant": ("helper.py", "FLOOR = 0.2", "FLOOR = 0.3", "`FLOOR` in helper.py"),
    "a data set": ("points.py", "* 0.5 - 0.1", "* 0.5 - 0.2", "`make` in points.py"),
    "the sweep file": ("sweep.py", "0.1 * i", "0.2 * i", "`fill` in sweep.py"),
    "a statement": ("sweep.py", 'Alias["c"] = 2.0', 'Alias["c"] = 3.0', "in sweep.py"),
}


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A ledger in which the project's first trial is finished, as far as a plan can tell."""
    (trial, *_) = load_sweep(write(tmp_path, FILES))[0].trials()
    ledger = Ledger(str(tmp_path / "results"), "s")
    keep_code([trial], ledger.store)
    rows = [{"trial_id": trial.trial_id, "spec": trial.canonical}]

    class Table:
        def select(self, columns):
            return self

        def to_pylist(self):
            return rows

    monkeypatch.setattr(ledger, "summary", lambda: (Table(), []))
    return ledger


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", EDITS)
def test_the_definition_and_its_file_are_named(finished, tmp_path, name):
    file, old, new, expected = EDITS[name]
    assert old in FILES[file]
    (trial, *_) = load_sweep(write(tmp_path, {**FILES, file: FILES[file].replace(old, new)}))[0].trials()
    (_, line) = why_text([trial], finished)
    assert line.startswith("  1 × new code of `")
    assert expected in line


@pytest.mark.usefixtures("unchecked")
def test_without_the_earlier_code_the_class_is_named(finished, tmp_path):
    for name in finished.store.names("code"):
        assert read_code(finished.store, name.removesuffix(".json"))
        finished.store.write(f"code/{name}", b"{torn")
    text = FILES["helper.py"].replace("power / 2", "power / 3")
    (trial, *_) = load_sweep(write(tmp_path, {**FILES, "helper.py": text}))[0].trials()
    (_, line) = why_text([trial], finished)
    assert line.startswith("  1 × new code of `points:Points`; code of `Net`; code of `Mine`")
