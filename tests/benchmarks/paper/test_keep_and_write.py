"""Results that are kept, and documents written from them: nothing is lost on the way, every document is as it would be made."""

import dataclasses
import re

import pytest
from fabricated import Sweep
from places import ROOT
from scripts import script

from mtlray.analysis import TableOptions, render_table
from mtlray.errors import ResultsError, SpecError
from mtlray.results.ledger import Ledger
from mtlray.specs.sweepfile import load_sweep

keeping, writing = script("benchmarks/paper/keep.py"), script("benchmarks/paper/write.py")

PAGES = [path for path in sorted((ROOT / "docs").glob("*.md")) if "<!-- end -->" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_documents_are_as_they_would_be_written(path):
    """After a change that is meant: `make tables`, and read the difference."""
    text = path.read_text(encoding="utf-8")
    assert len(re.findall("^<!-- end -->$", text, re.M)) == len(writing._BLOCK.findall(text)), (
        "a block is not understood"
    )
    assert writing.rewritten(text, pictures=False) == text


def test_the_reproduction_has_tables():
    assert "reproduction.md" in [path.name for path in PAGES]
    assert len(writing._BLOCK.findall((ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8"))) >= 6


def test_a_number_changed_by_hand_is_written_anew():
    how = "table tests/examples/gong2019_table1 --select last"
    text = f"Before\n\n<!-- {how} -->\nold\n<!-- end -->\n\nBetween\n\n<!-- {how} -->\n<!-- end -->\nAfter\n"
    after = writing.rewritten(text, pictures=False)
    table = render_table(str(ROOT / "tests/examples/gong2019_table1"), TableOptions(select="last"), format="markdown")
    assert after.count(table) == 2
    assert after.startswith(f"Before\n\n<!-- {how} -->\n\n**gong2019_table1")
    assert "Between" in after
    assert after.endswith("<!-- end -->\nAfter\n")
    assert writing.rewritten(after, pictures=False) == after


@pytest.mark.parametrize(
    "how",
    ["table tests/examples/gong2019_table1 --kind", "table tests/examples/gong2019_table1 last",
     "table tests/examples/gong2019_table1 --kind sells", "figure1 tests/examples/gong2019_table1"],
)  # fmt: skip
def test_a_block_that_cannot_be_made_is_refused(how):
    with pytest.raises(SpecError):
        writing.made(how, pictures=False)


@pytest.fixture
def spec():
    """Two seeds of two strategies of Table 1."""
    table, _ = load_sweep(ROOT / "sweeps" / "gong2019_table1.py")
    return dataclasses.replace(table, strategies=table.strategies[:3], fractions=(1.0,), seeds=range(2))


def finish(results, spec, seeds, state="done"):
    """Results of some seeds as `mtlray run` leaves them, with an accuracy that tells the trial."""
    sweep = Sweep(results, spec.name)
    for trial in spec.trials():
        if trial.seed in seeds:
            entry = {"trial_id": trial.trial_id, "dataset": trial.dataset.label, "strategy": trial.strategy.label}
            entry |= {"fraction": trial.fraction, "seed": trial.seed, "tasks": [task.name for task in trial.tasks]}
            values = {task: 90 + int(trial.trial_id, 16) % 1000 / 100 for task in entry["tasks"]}
            sweep.finish(entry, values, steps=[469, 938], state=state)
    return sweep


def table_of(folder):
    return render_table(str(folder), TableOptions(select="best_test"))


def test_kept_results_give_the_table_of_the_run(spec, tmp_path):
    ran = finish(tmp_path / "ran", spec, (0, 1))
    ran.ledger.write_sweep(spec.describe(spec.trials()))
    before = {path: path.read_bytes() for path in (tmp_path / "ran").rglob("*") if path.is_file()}
    assert keeping.keep(spec, str(tmp_path / "ran"), str(tmp_path / "kept")) == (6, 6)
    assert table_of(tmp_path / "kept" / spec.name) == table_of(tmp_path / "ran" / spec.name)
    assert before == {path: path.read_bytes() for path in (tmp_path / "ran").rglob("*") if path.is_file()}
    kept = Ledger(str(tmp_path / "kept"), spec.name)
    assert kept.records()[1] == []
    dataset = spec.base.dataset.label
    assert [len(kept.store.names(folder)) for folder in ("summary", f"curves/{dataset}")] == [1, 1], "merged"
    assert kept.curves(dataset).num_rows == 12


def test_seeds_are_added_as_they_finish(spec, tmp_path):
    finish(tmp_path / "ran", spec, (0,))
    assert keeping.keep(spec, str(tmp_path / "ran"), str(tmp_path / "kept")) == (3, 6)
    first = table_of(tmp_path / "kept" / spec.name)
    assert "6 trials planned, 3 done" in " ".join(first.split())
    finish(tmp_path / "ran", spec, (1,), state="failed")
    assert keeping.keep(spec, str(tmp_path / "ran"), str(tmp_path / "kept")) == (3, 6), "failed trials may run again"
    ran = finish(tmp_path / "ran", spec, (1,))
    ran.ledger.compact()
    assert keeping.keep(spec, str(tmp_path / "ran"), str(tmp_path / "kept")) == (6, 6)


def test_trials_that_lie_with_the_wanted_ones_in_one_file_are_left_out(spec, tmp_path):
    finish(tmp_path / "ran", spec, (0, 1)).ledger.compact()
    one_seed = dataclasses.replace(spec, seeds=(1,))
    assert keeping.keep(one_seed, str(tmp_path / "ran"), str(tmp_path / "kept")) == (3, 3)
    assert set(Ledger(str(tmp_path / "kept"), spec.name).records()[0]) == {t.trial_id for t in one_seed.trials()}


def test_only_the_representations_of_figure_1_are_kept(spec, tmp_path):
    ran = finish(tmp_path / "ran", spec, (0, 1))
    for trial in spec.trials():
        ran.ledger.store.write(f"representations/{trial.dataset.label}/{trial.trial_id}-469.parquet", b"features")
    keeping.keep(spec, str(tmp_path / "ran"), str(tmp_path / "kept"))
    kept = Ledger(str(tmp_path / "kept"), spec.name).store.names(f"representations/{spec.base.dataset.label}")
    shown = [t for t in spec.trials() if t.seed == 0 and t.strategy.key in ("stl", "equal", "revised_uncertainty")]
    assert sorted(kept) == sorted(f"{trial.trial_id}-469.parquet" for trial in shown)


def test_nothing_to_keep_and_damaged_files_are_refused(spec, tmp_path):
    with pytest.raises(ResultsError, match=r"should hold a finished trial of gong2019_table1\. Found none"):
        keeping.keep(spec, str(tmp_path / "ran"), str(tmp_path / "kept"))
    ran = finish(tmp_path / "ran", spec, (0, 1))
    ran.cut_short({"trial_id": spec.trials()[0].trial_id})
    with pytest.raises(ResultsError, match="Found damaged: summary/"):
        keeping.keep(spec, str(tmp_path / "ran"), str(tmp_path / "kept"))
    assert not (tmp_path / "kept").exists()
