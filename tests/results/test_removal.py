"""Taking trials out of a results folder: nothing of them is left, and nothing of the others changes."""

import dataclasses

import pyarrow as pa
import pytest
from finished import finish

from mtlray import SGD, Equal, LeNet, MultiMNIST, TrialSpec
from mtlray.results.ledger import Ledger
from mtlray.results.removal import held, remove
from mtlray.results.representations import write_representation
from mtlray.storage.store import Store

BASE = TrialSpec(dataset=MultiMNIST(source="mnist5k"), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.1), steps=20)
TRIALS = [dataclasses.replace(BASE, seed=seed) for seed in range(6)]
IDS = [trial.trial_id for trial in TRIALS]
GONE, KEPT = set(IDS[:3]), set(IDS[3:])
LABEL = BASE.dataset.label


@pytest.fixture
def ledger(tmp_path):
    """Two merged trials, four with files of their own, one of them in both, and one that was only started."""
    ledger = Ledger(str(tmp_path), "sweep")
    for trial in (TRIALS[0], TRIALS[3]):
        finish(ledger, trial)
    ledger.compact()
    for trial in (TRIALS[0], TRIALS[1], TRIALS[4]):
        finish(ledger, trial)
    for trial in (TRIALS[2], TRIALS[5]):
        ledger.folder(trial.trial_id).begin("launch", "host", 1)
        ledger.folder(trial.trial_id).checkpoints.write(b"weights")
    for trial in (TRIALS[1], TRIALS[4]):
        table = pa.table({"trial_id": [trial.trial_id], "step": [20]})
        write_representation(ledger.store, LABEL, trial.trial_id, 20, table)
        ledger.store.write(f"embeddings/{LABEL}/{trial.trial_id}.parquet", b"dots")
    ledger.store.write("trials/notes/mine.txt", b"not a trial")
    return ledger


def traces(ledger, ids):
    """The files and rows in which a trial is named."""
    files = [path for path in ledger.store.local.rglob("*") if any(i in path.name for i in ids)]
    rows = [row for row in ledger.summary()[0].to_pylist() if row["trial_id"] in ids]
    curves = ledger.curves(LABEL)
    return files + rows + [row for row in (curves.to_pylist() if curves else []) if row["trial_id"] in ids]


def test_what_is_held(ledger, tmp_path):
    assert held(ledger) == set(IDS)
    assert held(Ledger(str(tmp_path), "nothing")) == set()


def test_nothing_is_left_and_nothing_else_changes(ledger):
    before = traces(ledger, KEPT)
    remove(ledger, GONE)
    assert traces(ledger, GONE) == []
    assert traces(ledger, KEPT) == before
    assert held(ledger) == KEPT
    assert ledger.records()[1] == []
    assert (ledger.store.local / "trials" / "notes" / "mine.txt").exists()
    assert list((ledger.store.local / "trials" / IDS[5]).glob("checkpoint-*.pt"))


def test_killed_at_any_step_the_next_removal_finds_the_rest(ledger, monkeypatch):
    before = traces(ledger, KEPT)
    for limit in range(100):
        calls = 0

        def dying(method, limit=limit):
            def act(*arguments, **options):
                nonlocal calls
                calls += 1
                if calls > limit:
                    raise KeyboardInterrupt
                return method(*arguments, **options)

            return act

        with monkeypatch.context() as patch:
            patch.setattr(Store, "write", dying(Store.write))
            patch.setattr(Store, "delete", dying(Store.delete))
            try:
                remove(ledger, GONE)
                break
            except KeyboardInterrupt:
                pass
        assert set(ledger.records()[0]) >= KEPT & set(IDS[3:5])
        assert traces(ledger, GONE) == [] or held(ledger) > KEPT
    assert traces(ledger, GONE) == []
    assert [path for path in traces(ledger, KEPT) if path not in before] == []
