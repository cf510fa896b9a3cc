"""Merging: what one folder has and the other lacks is copied, whole and once; what differs is refused by name."""

import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from finished import finish

from mtlray.data import MultiMNIST
from mtlray.errors import LaunchError, ResultsError
from mtlray.models import LeNet
from mtlray.results.driver_lock import DriverLock
from mtlray.results.folders.merging import as_text, merge
from mtlray.results.kept import KeptNetwork, read_weights, write_kept
from mtlray.results.ledger import Ledger
from mtlray.results.representations import read_representations, write_representation
from mtlray.results.states import TrialState
from mtlray.specs import SGD, SweepSpec, TrialSpec
from mtlray.strategies import DWA, Equal

BASE = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", val_digits=500),
    model=LeNet(),
    strategy=Equal(),
    optimizer=SGD(lr=0.1),
    steps=20,
    evaluate_every=10,
)
SPEC = SweepSpec(name="s", question="?", base=BASE, strategies=(Equal(), DWA()), fractions=(1.0,), seeds=range(3))
TRIALS = SPEC.trials()
LABEL = BASE.dataset.label


@pytest.fixture
def ledgers(tmp_path):
    """Two folders of the sweep, both empty."""
    made = [Ledger(str(tmp_path / name), "s") for name in ("from", "into")]
    for ledger in made:
        ledger.write_sweep(SPEC.describe(TRIALS))
    return made


def rows(ledger):
    summary, damaged = ledger.summary()
    assert not damaged
    curves = ledger.curves(LABEL)
    order = [("trial_id", "ascending"), ("step", "ascending")]
    return summary.sort_by([("trial_id", "ascending"), ("task", "ascending"), ("metric", "ascending")]), curves.sort_by(
        order
    )


def tree(ledger):
    """All files but the lock's, which stays empty."""
    paths = sorted(path for path in ledger.store.local.rglob("*") if path.is_file() and path.name != "driver.lock")
    return {str(path): path.read_bytes() for path in paths}


@pytest.mark.parametrize("compacted", [False, True])
def test_two_halves_become_the_whole(ledgers, tmp_path, compacted):
    source, target = ledgers
    for i, trial in enumerate(TRIALS):
        for ledger in {0: [source], 1: [target], 2: [source, target]}[i % 3]:
            finish(ledger, trial, float(i))
    whole = Ledger(str(tmp_path / "whole"), "s")
    for i, trial in enumerate(TRIALS):
        finish(whole, trial, float(i))
    if compacted:
        source.compact()
        target.compact()
    before = tree(source)
    found = merge(source, target)
    assert (len(found.added), len(found.in_both), len(found.failed), found.unlisted) == (2, 2, 0, 0)
    assert tree(source) == before
    for one, other in zip(rows(target), rows(whole), strict=True):
        assert one.to_pylist() == other.to_pylist()
    assert as_text(found, source, target).splitlines()[1] == "2 were in both, with the same numbers."
    again = merge(source, target)
    assert (len(again.added), len(again.in_both)) == (0, 4)


def test_what_is_kept_comes_along(ledgers):
    source, target = ledgers
    safetensors = pytest.importorskip("safetensors.numpy")
    np = pytest.importorskip("numpy")
    trial = TRIALS[0]
    table = pa.table({"trial_id": [trial.trial_id], "step": [5], "example": [0]})
    weights = safetensors.save({"w": np.ones(2)})
    write_kept(source.store, LABEL, trial.trial_id, KeptNetwork(weights, table, {"trial_id": trial.trial_id}))
    write_representation(source.store, LABEL, trial.trial_id, 5, table)
    (source.store.local / "embeddings" / LABEL).mkdir(parents=True)
    pq.write_table(table, source.store.local / "embeddings" / LABEL / f"{trial.trial_id}.parquet")
    finish(source, trial)
    finish(target, trial)
    found = merge(source, target)
    assert (found.n_files, len(found.added)) == (4, 0)
    assert read_weights(target.store, LABEL, trial.trial_id) == read_weights(source.store, LABEL, trial.trial_id)
    assert read_representations(target.store, LABEL).num_rows == 1
    assert target.store.exists(f"embeddings/{LABEL}/{trial.trial_id}.parquet")
    (target.store.local / "kept" / LABEL / f"{trial.trial_id}.parquet").unlink()
    damaged = source.store.local / "kept" / LABEL / f"{trial.trial_id}.parquet"
    damaged.write_bytes(damaged.read_bytes().replace(b"step", b"stop", 1))
    with pytest.raises(ResultsError, match=rf"kept/{LABEL}/{trial.trial_id}\.parquet should be as it was written"):
        merge(source, target)


def test_a_failure_gives_way_to_a_result_and_is_not_merged_itself(ledgers):
    source, target = ledgers
    finish(target, TRIALS[0], state=TrialState.FAILED)
    finish(source, TRIALS[0])
    finish(source, TRIALS[1], state=TrialState.FAILED)
    found = merge(source, target)
    assert (found.added, found.failed) == ({TRIALS[0].trial_id}, {TRIALS[1].trial_id})
    assert {i: record.state for i, record in target.records()[0].items()} == {TRIALS[0].trial_id: TrialState.DONE}


def refused(ledgers, match):
    source, target = ledgers
    before = tree(source), tree(target)
    with pytest.raises(ResultsError, match=match):
        merge(source, target)
    assert (tree(source), tree(target)) == before


def test_a_trial_that_differs_is_named(ledgers):
    source, target = ledgers
    for trial in TRIALS[:3]:
        finish(source, trial, 1.0)
    finish(target, TRIALS[0], 1.0)
    finish(target, TRIALS[1], 2.0)
    refused(ledgers, f"Found 1 that differ: {TRIALS[1].trial_id}. They were trained with other hardware")


def test_a_curve_that_differs_is_found_too(ledgers):
    _, target = ledgers
    for ledger in ledgers:
        finish(ledger, TRIALS[0])
    other = Ledger(str(target.store.local.parent.parent / "other"), "s")
    finish(other, TRIALS[0], 2.0)
    name = f"curves/{LABEL}/{TRIALS[0].trial_id}.parquet"
    target.store.write(name, other.store.read(name))
    refused(ledgers, f"Found 1 that differ: {TRIALS[0].trial_id}")


def test_other_data_and_other_sweeps_are_refused(ledgers):
    source, target = ledgers
    finish(source, TRIALS[0], fingerprint="here")
    finish(target, TRIALS[1], fingerprint="there")
    refused(ledgers, "Found fingerprint here in .*, and there in the other folder")
    target.write_sweep(dataclasses.replace(SPEC, name="t").describe(TRIALS))
    refused(ledgers, "Found sweep s in .* and sweep t in ")


@pytest.mark.parametrize("which", [0, 1])
def test_damage_is_refused(ledgers, which):
    for ledger in ledgers:
        finish(ledger, TRIALS[0])
    damaged = ledgers[which].store.local / "summary" / f"{TRIALS[0].trial_id}.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    refused(ledgers, rf"Found damaged: summary/{TRIALS[0].trial_id}\.parquet")


def test_trials_that_the_last_launch_there_does_not_name_are_counted(ledgers):
    source, target = ledgers
    target.write_sweep(SPEC.describe(TRIALS[:1]))
    finish(source, TRIALS[0])
    finish(source, TRIALS[1])
    found = merge(source, target)
    assert found.unlisted == 1
    assert (
        as_text(found, source, target)
        .splitlines()[-1]
        .startswith("1 of these are not in the sweep as last launched there")
    )


def test_not_while_a_driver_works_there(ledgers):
    source, target = ledgers
    with DriverLock(target.store), pytest.raises(LaunchError, match="Another `mtlray` is working on this sweep"):
        merge(source, Ledger(target.results, "s"))
