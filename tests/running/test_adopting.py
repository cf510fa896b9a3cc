"""Finished trials of an earlier text of a sweep file are kept whole, once, and only where the specs differ in code alone."""

import hashlib
import json

import pyarrow as pa
import pytest
import worked_example
from finished import FINGERPRINT, finish
from places import SMALL

from mtlray.errors import LaunchError, ResultsError, SpecError
from mtlray.results.representations import read_representations, write_representation
from mtlray.results.states import TrialState
from mtlray.specs.sweepfile import load_sweep
from mtlray.storage.store import Store
from mtlray.storage.system_lock import alone
from mtlray.sweep import Sweep

# Edits of the class LossShare of the small sweep; two of its trials, one for each seed.
RENAMED = ("losses.detach()", "1 * losses.detach()")
AGAIN = ("losses.detach()", "losses.detach() * 1")
FIRST = ("", "")
RAISED = ('    key: ClassVar[str] = "loss_share"', '    component_version = 2\n    key: ClassVar[str] = "loss_share"')


def opened(tmp_path, *edits, text=None):
    text = SMALL.read_text() if text is None else text
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "mine.py"
    path.write_text(text)
    spec, module = load_sweep(path)
    return Sweep(spec, module, path, str(tmp_path / "results"))


def of_the_user(sweep):
    return [trial for trial in sweep.trials if trial.strategy.key == "loss_share"]


def adopt(sweep, reason="a factor of one", fingerprint=FINGERPRINT, codes=()):
    return sweep.adopt(reason, lambda dataset: fingerprint, codes)


def summary(sweep, trial):
    return [row for row in sweep.ledger.summary()[0].to_pylist() if row["trial_id"] == trial.trial_id]


def curve(sweep, trial):
    curves = sweep.ledger.curves(trial.dataset.label).to_pylist()
    return [row for row in curves if row["trial_id"] == trial.trial_id]


def without(row, *names):
    return {name: value for name, value in row.items() if name not in names}


def code(trial):
    return json.loads(trial.strategy_json)["type"].rpartition("@")[2]


@pytest.fixture
def texts(tmp_path):
    """The small sweep, all of it finished, and its text after an edit."""
    before = opened(tmp_path)
    for n, trial in enumerate(before.trials):
        finish(before.ledger, trial, float(n))
    return before, opened(tmp_path, RENAMED)


def test_the_rows_and_the_curve_are_the_same_under_the_new_id(texts):
    before, after = texts
    old, new = of_the_user(before), of_the_user(after)
    assert {trial.trial_id for trial in old}.isdisjoint(trial.trial_id for trial in new)
    assert len(after.plan().to_run) == 2
    said = adopt(after, "  a factor\nof one ")
    assert said == f"2 finished trials of an earlier text kept in {after.folder}; every table says so."
    assert after.plan().to_run == ()
    for was, now in zip(old, new, strict=True):
        assert now.seed == was.seed
        for row, earlier in zip(summary(after, now), summary(after, was), strict=True):
            assert json.loads(row["adopted"]) == {"from": was.trial_id, "reason": "a factor of one"}
            assert hashlib.sha256(row["spec"].encode()).hexdigest()[:16] == row["trial_id"] == now.trial_id
            assert code(now) in row["strategy_params"]
            changed = ("trial_id", "spec", "strategy_params", "adopted")
            assert without(row, *changed) == without(earlier, *changed)
        assert [without(row, "trial_id") for row in curve(after, now)] == [
            without(row, "trial_id") for row in curve(after, was)
        ]
        assert len(curve(after, now)) == 2


def test_the_rows_are_sealed_and_survive_a_merge(texts):
    _, after = texts
    adopt(after)
    rows = {trial.trial_id: summary(after, trial) for trial in after.trials}
    assert after.ledger.records()[1] == []
    after.ledger.compact()
    assert {trial.trial_id: summary(after, trial) for trial in after.trials} == rows


def test_trials_in_merged_files_are_kept_too(texts):
    before, after = texts
    before.ledger.compact()
    adopt(after)
    assert after.plan().to_run == ()
    assert len(curve(after, of_the_user(after)[1])) == 2


def test_representations_are_kept(texts):
    before, after = texts
    was, now = of_the_user(before)[0], of_the_user(after)[0]
    table = pa.table(
        {"trial_id": [was.trial_id] * 2, "strategy": ["loss_share"] * 2, "step": [20, 20], "example": [0, 1]}
    )
    write_representation(before.ledger.store, was.dataset.label, was.trial_id, 20, table)
    adopt(after)
    found = read_representations(after.ledger.store, now.dataset.label).to_pylist()
    assert [(row["trial_id"], row["example"]) for row in found] == [
        (trial.trial_id, example) for trial in sorted((was, now), key=lambda t: t.trial_id) for example in (0, 1)
    ]


def test_nothing_that_is_there_is_written_over(texts):
    _, after = texts
    one, two = of_the_user(after)
    finish(after.ledger, one, 50.0)
    row = summary(after, one)
    assert adopt(after).startswith("1 finished trial of an earlier text")
    assert summary(after, one) == row
    assert summary(after, two)[0]["adopted"]
    with pytest.raises(ResultsError, match="Found none"):
        adopt(after)


@pytest.mark.parametrize("torn", ["summary/{}.parquet", "curves/{dataset}/{}.parquet"])
def test_a_damaged_result_under_the_new_id_is_left_to_the_next_run(texts, torn):
    _, after = texts
    one, _ = of_the_user(after)
    finish(after.ledger, one, 50.0)
    path = after.ledger.store.local / torn.format(one.trial_id, dataset=one.dataset.label)
    path.write_bytes(path.read_bytes()[:100])
    assert adopt(after).startswith("1 finished trial of")
    assert path.stat().st_size == 100


def test_failed_trials_are_no_results_and_failed_ones_of_today_stay(tmp_path):
    before = opened(tmp_path)
    one, two = of_the_user(before)
    finish(before.ledger, one, state=TrialState.FAILED)
    finish(before.ledger, two, state=TrialState.DIVERGED)
    after = opened(tmp_path, RENAMED)
    adopt(after)
    assert summary(after, of_the_user(after)[0]) == []
    assert {row["state"] for row in summary(after, of_the_user(after)[1])} == {"diverged"}


def test_other_hyperparameters_are_not_the_same_trial(texts, tmp_path):
    after = opened(tmp_path, RENAMED, ("LossShare())", "LossShare(decay=0.8))"))
    with pytest.raises(ResultsError) as caught:
        adopt(after)
    assert str(caught.value) == (
        f"{after.folder} should hold finished trials that differ from those of the sweep file in the user's code alone, and have "
        "no result under their present ids. Found none. `mtlray plan SWEEP --why` says in what the trials to run differ from "
        "finished ones."
    )


def test_another_version_of_a_part_is_refused(texts, tmp_path):
    after = opened(tmp_path, RAISED)
    with pytest.raises(ResultsError) as caught:
        adopt(after)
    assert str(caught.value) == (
        f"No finished trial in {after.folder} can be kept: 2 trials made by another version of the code (strategy 1, now 2). Run "
        "the sweep to train them."
    )


def test_results_older_than_the_versions_column_were_made_by_the_first(texts):
    before, after = texts
    was = of_the_user(before)[0]
    table = pa.Table.from_pylist([row | {"component_versions": None} for row in summary(before, was)])
    table = table.cast(before.ledger.summary()[0].schema)
    before.ledger._summaries.write(f"{was.trial_id}.parquet", table)
    adopt(after)
    assert json.loads(summary(after, of_the_user(after)[0])[0]["component_versions"])["strategy"] == 1


def test_of_several_earlier_texts_one_has_to_be_named(texts, tmp_path):
    before, _ = texts
    second = opened(tmp_path, AGAIN)
    for trial in of_the_user(second):
        finish(second.ledger, trial, 70.0)
    third = opened(tmp_path, RENAMED)
    with pytest.raises(ResultsError) as caught:
        adopt(third)
    first, other = sorted(f"LossShare@{code(of_the_user(sweep)[0])}" for sweep in (before, second))
    assert f"2 trials finished under several earlier texts ({first}, {other}); name one with --code" in str(
        caught.value
    )
    assert summary(third, of_the_user(third)[0]) == []
    adopt(third, codes=[code(of_the_user(second)[0])])
    assert {row["seconds"] for trial in of_the_user(third) for row in summary(third, trial)} == {70.0}


def test_a_result_that_was_adopted_before_is_one_result_with_all_its_reasons(texts, tmp_path):
    before, second = texts
    adopt(second, "first reason")
    third = opened(tmp_path, AGAIN)
    adopt(third, "second reason")
    was, now = of_the_user(before)[0], of_the_user(third)[0]
    adopted = json.loads(summary(third, now)[0]["adopted"])
    assert adopted == {"from": was.trial_id, "reason": "first reason; second reason"}


def test_a_data_set_whose_arrays_change_is_refused_and_one_whose_arrays_stay_is_kept(tmp_path):
    before = opened(tmp_path, text=worked_example.text())
    for trial in before.trials:
        finish(before.ledger, trial, fingerprint="0ld")
    after = opened(tmp_path, ("hypot(y - 18, x - 18)", "hypot(x - 18, y - 18)"), text=worked_example.text())
    with pytest.raises(ResultsError, match="3 trials trained on other data than the data set's present code makes"):
        adopt(after, fingerprint="n3w")
    assert adopt(after, fingerprint="0ld").startswith("3 finished trials")


@pytest.mark.parametrize("reason", ["", "  ", "\n\t", "\0"])
def test_an_empty_reason(texts, reason):
    with pytest.raises(SpecError, match="Found an empty reason"):
        adopt(texts[1], reason)


def test_no_results_at_all(tmp_path):
    with pytest.raises(ResultsError, match="Found none"):
        adopt(opened(tmp_path))
    assert not (tmp_path / "results").exists()


def test_while_a_driver_works(texts):
    _, after = texts
    with alone(after.ledger.store.local / "driver.lock"), pytest.raises(LaunchError, match="Another `mtlray`"):
        adopt(after)
    assert len(after.plan().to_run) == 2


def test_killed_at_any_write_a_trial_is_kept_whole_or_not_at_all(texts, monkeypatch):
    _, after = texts
    write, n_writes, results = Store.write, 0, set()

    def die_at(limit):
        def dying(store, path, data, **options):
            nonlocal n_writes
            if not path.startswith("driver"):  # the lock's own
                n_writes += 1
                if n_writes > limit:
                    raise KeyboardInterrupt
            write(store, path, data, **options)

        return dying

    whole = {trial.trial_id: len(trial.tasks) for trial in of_the_user(after)}
    for limit in range(4):
        n_writes = 0
        monkeypatch.setattr(Store, "write", die_at(limit))
        with pytest.raises(KeyboardInterrupt):
            adopt(after)
        monkeypatch.undo()
        records, damaged = after.ledger.records()
        assert damaged == []
        for trial in of_the_user(after):
            assert len(summary(after, trial)) in (0, whole[trial.trial_id])
            assert len(curve(after, trial)) in (0, 2)
            assert trial.trial_id not in records or len(curve(after, trial)) == 2
        results.add(sum(i in records for i in whole))
        if sum(i in records for i in whole) == 1:
            break
    assert results == {0, 1}
    adopt(after)
    assert after.plan().to_run == ()
