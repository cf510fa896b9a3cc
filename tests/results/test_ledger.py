"""The ledger: what is committed stays, what is torn is named, what is merged is the same."""

import contextlib
import dataclasses
import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtlray.results.shards as shards
from mtlray.data import MultiMNIST
from mtlray.errors import ResultsError
from mtlray.identity.provenance import Commit
from mtlray.models import LeNet
from mtlray.results.ledger import Ledger
from mtlray.results.shards import Shards
from mtlray.results.states import Ending, TrialState
from mtlray.running.rows import Circumstances, curves_table, summary_table
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies import DWA, Equal, SingleTask

BASE = TrialSpec(
    dataset=MultiMNIST(source="mnist5k"),
    model=LeNet(),
    strategy=Equal(),
    optimizer=SGD(lr=0.1),
    steps=20,
    evaluate_every=10,
)
TRIALS = [
    dataclasses.replace(BASE, strategy=strategy, seed=seed)
    for strategy in (SingleTask(task="left"), Equal(), DWA())
    for seed in (0, 1)
]
LABEL = BASE.dataset.label


@pytest.fixture
def ledger(tmp_path):
    return Ledger(str(tmp_path), "sweep")


def commit(ledger, trial, state=TrialState.DONE, value=1.0):
    rows = [
        {
            "step": step, "epoch": 0.1, "weight_sum": 1.0, "grad_norm/trunk": 1.0, "strategy_scalars": {},
            "train_samples_per_second": 10.0,
            **{f"{s}/{t.name}/{m}": value for s in ("test",) for t in trial.tasks for m in ("loss", "accuracy")},
            **{f"{kind}/{t.name}{end}": 1.0 for kind, end in (("weight", ""), ("train", "/loss")) for t in trial.tasks},
        }
        for step in (10, 20)
    ]  # fmt: skip
    about = Circumstances(
        sweep="sweep", fingerprint="f", commit=Commit("", False), device="cpu", pack_size=1, attempts=1, seconds=1.0
    )
    if state is TrialState.FAILED:
        ledger.commit(trial.trial_id, LABEL, None, summary_table(trial, state, 0, [], about, "no"))
    else:
        ledger.commit(trial.trial_id, LABEL, curves_table(trial, rows), summary_table(trial, state, 20, rows, about))


def commit_all(ledger):
    for trial in TRIALS:
        commit(ledger, trial)


def contents(ledger):
    """Every row that a reader sees, in an order that does not depend on files."""
    summary, damaged = ledger.summary()
    assert damaged == []
    curves = ledger.curves(LABEL)
    return (
        sorted(summary.to_pylist(), key=lambda row: (row["trial_id"], row["task"])),
        sorted(curves.to_pylist(), key=lambda row: (row["trial_id"], row["step"])),
    )


def files(ledger):
    return sorted(str(p.relative_to(ledger.store.local)) for p in ledger.store.local.rglob("*") if p.is_file())


# -- commits


def test_a_commit_can_be_read(ledger):
    commit(ledger, BASE)
    records, damaged = ledger.records()
    assert damaged == []
    record = records[BASE.trial_id]
    assert (record.state, record.dataset, record.steps, record.attempts) == (TrialState.DONE, LABEL, 20, 1)
    assert ledger.ending(BASE.trial_id) == Ending(TrialState.DONE)
    assert ledger.curves(LABEL).num_rows == 2
    assert ledger.datasets() == [LABEL]


def test_nothing_there_yet(ledger, tmp_path):
    assert ledger.records() == ({}, [])
    assert ledger.read_sweep() is None
    assert ledger.curves(LABEL) is None
    assert ledger.ending("0" * 16) is None
    assert ledger.started() == set()
    assert ledger.compact() == 0
    assert list(tmp_path.iterdir()) == [], "reading makes nothing"


def test_killed_between_curves_and_summary_is_not_finished(ledger, monkeypatch):
    write = ledger.store.write

    def die_at_the_summary(path, data):
        if path.startswith("summary/"):
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(ledger.store, "write", die_at_the_summary)
    with pytest.raises(KeyboardInterrupt):
        commit(ledger, BASE)
    monkeypatch.undo()
    assert ledger.records() == ({}, [])
    commit(ledger, BASE, value=2.0)
    assert ledger.curves(LABEL).column("test/left/accuracy").to_pylist() == [2.0, 2.0]


@pytest.mark.parametrize(
    "tear",
    [lambda d: d[: len(d) // 2], lambda d: b"", lambda d: b"\0" * len(d), lambda d: d[:-1]],
    ids=["half", "empty", "zeros", "last byte"],
)
def test_a_torn_shard_is_damaged_and_its_trial_not_finished(ledger, tear):
    commit_all(ledger)
    torn = TRIALS[2].trial_id
    path = ledger.store.local / "summary" / f"{torn}.parquet"
    path.write_bytes(tear(path.read_bytes()))
    records, damaged = ledger.records()
    assert damaged == [f"summary/{torn}.parquet"]
    assert set(records) == {t.trial_id for t in TRIALS} - {torn}
    assert ledger.ending(torn) is None
    commit(ledger, TRIALS[2])
    assert ledger.records()[1] == []


def test_a_shard_without_our_columns_is_damaged(ledger):
    commit(ledger, BASE)
    pq.write_table(pa.table({"a": [1]}), ledger.store.local / "summary" / "foreign.parquet")
    records, damaged = ledger.records()
    assert (set(records), damaged) == ({BASE.trial_id}, ["summary/foreign.parquet"])


def test_side_files_beside_shards_are_passed_over(ledger):
    commit_all(ledger)
    before = contents(ledger)
    for name in files(ledger):
        path = ledger.store.local / name
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7" + bytes(100))
    assert ledger.records()[1] == []
    assert contents(ledger) == before
    assert ledger.compact() == len(TRIALS)
    assert contents(ledger) == before


def test_a_torn_curve_is_passed_over(ledger):
    commit_all(ledger)
    path = ledger.store.local / "curves" / LABEL / f"{TRIALS[0].trial_id}.parquet"
    path.write_bytes(path.read_bytes()[:50])
    assert set(ledger.curves(LABEL).column("trial_id").to_pylist()) == {t.trial_id for t in TRIALS[1:]}


def tear(ledger, name):
    """Cut a file short; returns what it held."""
    path = ledger.store.local / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return whole


def test_a_trial_with_torn_curves_is_not_finished(ledger):
    commit_all(ledger)
    assert ledger.records()[1] == []
    torn = TRIALS[2].trial_id
    tear(ledger, f"curves/{LABEL}/{torn}.parquet")
    records, damaged = ledger.records()
    assert damaged == [f"curves/{LABEL}/{torn}.parquet"]
    assert set(records) == {t.trial_id for t in TRIALS} - {torn}
    commit(ledger, TRIALS[2])
    assert ledger.records()[1] == []
    assert set(ledger.records()[0]) == {t.trial_id for t in TRIALS}


def test_trials_whose_merged_curves_are_torn_are_not_finished(ledger):
    for trial in TRIALS[:3]:
        commit(ledger, trial)
    ledger.compact()
    commit(ledger, TRIALS[3])
    commit(ledger, TRIALS[4], state=TrialState.FAILED)
    (merged,) = (name for name in files(ledger) if name.startswith("curves/") and "compact-" in name)
    tear(ledger, merged)
    records, damaged = ledger.records()
    assert damaged == [merged]
    assert set(records) == {TRIALS[3].trial_id, TRIALS[4].trial_id}


def test_torn_curves_of_an_attempt_before_a_failure_leave_it_failed(ledger):
    commit(ledger, TRIALS[0])
    tear(ledger, f"curves/{LABEL}/{TRIALS[0].trial_id}.parquet")
    commit(ledger, TRIALS[0], state=TrialState.FAILED)
    assert ledger.records()[0][TRIALS[0].trial_id].state is TrialState.FAILED


def test_forget_lets_failed_trials_run_again(ledger):
    commit(ledger, TRIALS[0])
    commit(ledger, TRIALS[1], state=TrialState.FAILED)
    assert ledger.ending(TRIALS[1].trial_id) == Ending(TrialState.FAILED, "no")
    ledger.forget([TRIALS[1].trial_id, "0" * 16])
    assert set(ledger.records()[0]) == {TRIALS[0].trial_id}


def test_results_of_two_versions_lie_side_by_side(ledger):
    commit(ledger, BASE)
    other = dataclasses.replace(TRIALS[1], seed=99)
    object.__setattr__(other, "results_version", 7)  # as the mtlray that made it would have it
    commit(ledger, other)
    records, damaged = ledger.records()
    assert {record.results_version for record in records.values()} == {BASE.results_version, 7}
    assert damaged == []


def rewritten(ledger, name, change):
    """A stored table rewritten by pandas, as somebody who corrects a number would do it."""
    path = ledger.store.local / name
    frame = pd.read_parquet(path)
    change(frame)
    frame.to_parquet(path)


@pytest.mark.parametrize("folder", ["summary", f"curves/{LABEL}"])
def test_a_file_that_pandas_rewrote_is_damaged(ledger, folder):
    commit_all(ledger)
    name = f"{folder}/{BASE.trial_id}.parquet"
    rewritten(ledger, name, lambda frame: None)
    records, damaged = ledger.records()
    assert damaged == [name]
    assert records.keys() == {trial.trial_id for trial in TRIALS} - {BASE.trial_id}
    if folder == "summary":
        table, named = ledger.summary(["trial_id"])
        assert (set(table.column("trial_id").to_pylist()), named) == (records.keys(), [name])
    else:
        assert set(ledger.curves(LABEL).column("trial_id").to_pylist()) == records.keys()


def test_an_old_version_in_the_rows_does_not_make_a_rewritten_file_one_of_the_first(ledger):
    commit(ledger, BASE)
    name = f"summary/{BASE.trial_id}.parquet"
    rewritten(ledger, name, lambda frame: frame.__setitem__("results_version", 1))
    assert ledger.records() == ({}, [name])


# -- the folder as one table


@pytest.mark.parametrize("compacted", [False, True])
def test_pandas_reads_the_folders(ledger, compacted):
    commit_all(ledger)
    (ledger.store.local / "curves" / LABEL / ".x.parquet.12345678.tmp").write_bytes(b"half")
    if compacted:
        ledger.compact()
    curves = pd.read_parquet(ledger.store.local / "curves" / LABEL)
    assert len(curves) == 2 * len(TRIALS)
    single = curves[curves.strategy == "stl:left"]
    assert single["test/right/accuracy"].isna().all()
    assert single["test/left/accuracy"].notna().all()
    summary = pd.read_parquet(ledger.store.local / "summary")
    assert len(summary) == 2 + 4 + 4


# -- merging


def test_compact_keeps_the_same_rows(ledger):
    commit_all(ledger)
    before = contents(ledger)
    assert ledger.compact() == len(TRIALS)
    assert contents(ledger) == before
    assert len(files(ledger)) == 2


def test_compact_is_idempotent(ledger):
    commit_all(ledger)
    ledger.compact()
    once = {name: (ledger.store.local / name).read_bytes() for name in files(ledger)}
    assert ledger.compact() == len(TRIALS)
    assert {name: (ledger.store.local / name).read_bytes() for name in files(ledger)} == once


def test_compact_leaves_large_files_alone_and_holds_one_new_file_at_a_time(ledger, monkeypatch):
    """Files of at most four trials: of three merged ones and three new, which do not fit together, the merged one is large."""
    monkeypatch.setattr(shards, "_MOST", 4)
    for trial in TRIALS[:3]:
        commit(ledger, trial)
    assert ledger.compact() == 3
    first = {name: (ledger.store.local / name).stat().st_ino for name in files(ledger)}
    held = []
    write = Shards._write_merged
    monkeypatch.setattr(
        Shards, "_write_merged", lambda self, table, ids: held.append(len(ids)) or write(self, table, ids)
    )
    for trial in TRIALS[3:]:
        commit(ledger, trial)
    before = contents(ledger)
    assert ledger.compact() == len(TRIALS)
    assert contents(ledger) == before
    assert held == [3, 3], "the new ones, of summary and curves"
    assert len(files(ledger)) == 4
    assert {name: (ledger.store.local / name).stat().st_ino for name in first} == first


def test_a_large_merged_file_is_written_again_without_a_trial_that_ran_again(ledger, monkeypatch):
    monkeypatch.setattr(shards, "_MOST", 4)
    for trial in TRIALS[:3]:
        commit(ledger, trial)
    ledger.compact()
    commit(ledger, TRIALS[1], value=9.0)
    before = contents(ledger)
    assert ledger.compact() == 3
    assert contents(ledger) == before
    assert len(files(ledger)) == 2


def reads_of(ledger, monkeypatch):
    """The files that are read from now on."""
    read, original = [], ledger.store.read
    monkeypatch.setattr(ledger.store, "read", lambda path: read.append(path) or original(path))
    return read


def age(ledger, seconds=10):
    """Make all files older: what was written a moment ago is read again, because two writes may have one time."""
    for name in files(ledger):
        path = ledger.store.local / name
        old = path.stat().st_mtime_ns - seconds * 10**9
        os.utime(path, ns=(old, old))


def test_a_file_that_is_as_it_was_is_read_once_for_a_launch(ledger, monkeypatch):
    commit_all(ledger)
    age(ledger)
    read = reads_of(ledger, monkeypatch)
    records = ledger.records()
    assert len(read) == 2 * len(TRIALS)
    assert ledger.records() == ledger.records(every_byte=False) == records
    assert ledger.quarantine() == []
    assert len(read) == 2 * len(TRIALS)
    commit(ledger, TRIALS[2], value=2.0)
    assert ledger.records() == records
    assert sorted(read[2 * len(TRIALS) :]) == [
        f"curves/{LABEL}/{TRIALS[2].trial_id}.parquet",
        f"summary/{TRIALS[2].trial_id}.parquet",
    ]


def test_status_reads_the_ends_of_merged_curves_alone(ledger, monkeypatch):
    commit_all(ledger)
    ledger.compact()
    ledger = Ledger(ledger.results, ledger.sweep)
    whole, read = ledger.records(), reads_of(ledger, monkeypatch)
    (merged,) = (name for name in files(ledger) if name.startswith("curves/"))
    assert ledger.records(every_byte=False) == whole
    assert [name for name in read if name.startswith("curves/")] == []
    path = ledger.store.local / merged
    path.write_bytes(path.read_bytes()[:-1])
    assert ledger.records(every_byte=False) == ({}, [merged])


def test_a_file_that_changed_within_a_tick_of_its_clock_is_read_again(ledger, monkeypatch):
    commit_all(ledger)
    now = max((ledger.store.local / name).stat().st_mtime_ns for name in files(ledger)) + 10**9
    monkeypatch.setattr(shards.time, "time_ns", lambda: now)
    assert ledger.records()[1] == []
    path = ledger.store.local / "summary" / f"{TRIALS[2].trial_id}.parquet"
    stat, data = path.stat(), path.read_bytes()
    path.write_bytes(data[:500] + bytes([data[500] ^ 1]) + data[501:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert ledger.records()[1] == [f"summary/{TRIALS[2].trial_id}.parquet"]


def test_compact_again_with_more_trials(ledger):
    for trial in TRIALS[:3]:
        commit(ledger, trial)
    ledger.compact()
    for trial in TRIALS[3:]:
        commit(ledger, trial)
    before = contents(ledger)
    assert ledger.compact() == len(TRIALS)
    assert contents(ledger) == before
    assert len(files(ledger)) == 2


def test_failed_trials_stay_apart(ledger):
    commit(ledger, TRIALS[0])
    commit(ledger, TRIALS[1], state=TrialState.FAILED)
    assert ledger.compact() == 1
    assert f"summary/{TRIALS[1].trial_id}.parquet" in files(ledger)
    ledger.forget([TRIALS[1].trial_id])
    assert set(ledger.records()[0]) == {TRIALS[0].trial_id}


def test_a_trial_run_again_wins_over_its_merged_rows(ledger):
    commit_all(ledger)
    ledger.compact()
    commit(ledger, TRIALS[1], value=9.0)
    summary, _ = ledger.summary()
    lasts = {row["trial_id"]: row["last"] for row in summary.to_pylist()}
    assert lasts[TRIALS[1].trial_id] == 9.0
    assert summary.num_rows == 10


@pytest.mark.parametrize("folder", ["summary", f"curves/{LABEL}"])
def test_compact_changes_nothing_while_a_file_is_torn(ledger, folder):
    for trial in TRIALS[:3]:
        commit(ledger, trial)
    ledger.compact()
    for trial in TRIALS[3:]:
        commit(ledger, trial)
    whole = contents(ledger)
    name = f"{folder}/{TRIALS[4].trial_id}.parquet"
    content = tear(ledger, name)
    before = {file: (ledger.store.local / file).read_bytes() for file in files(ledger)}
    with pytest.raises(ResultsError) as caught:
        ledger.compact()
    assert str(caught.value) == (
        f"All files in {ledger.store.where('')} should open before they are merged. Found damaged: {name}. "
        "Run the sweep again to train their trials anew, then merge."
    )
    assert {file: (ledger.store.local / file).read_bytes() for file in files(ledger)} == before
    ledger.store.write(name, content)
    assert ledger.compact() == len(TRIALS)
    assert contents(ledger) == whole


def test_compact_keeps_merged_curves_of_trials_that_are_not_finished_now(ledger):
    commit_all(ledger)
    ledger.compact()
    curves = contents(ledger)[1]
    (merged,) = (ledger.store.local / "summary").iterdir()
    merged.unlink()
    commit(ledger, TRIALS[0])
    assert ledger.compact() == 1
    found = sorted(ledger.curves(LABEL).to_pylist(), key=lambda row: (row["trial_id"], row["step"]))
    assert found == curves


def steps_of_compact(tmp_path):
    """How many times `compact` touches the disk."""
    ledger, touched = Ledger(str(tmp_path / "count"), "sweep"), []
    commit_all(ledger)
    for verb in ("write", "delete"):
        original = getattr(ledger.store, verb)
        setattr(ledger.store, verb, lambda *a, original=original: (touched.append(a), original(*a)))
    ledger.compact()
    return len(touched)


def test_killed_at_any_moment_compact_loses_and_doubles_nothing(tmp_path):
    n = steps_of_compact(tmp_path)
    assert n == 2 * (1 + len(TRIALS))
    for moment in range(n):
        ledger = Ledger(str(tmp_path / str(moment)), "sweep")
        commit_all(ledger)
        before = contents(ledger)
        kill_after(ledger.store, moment)
        with pytest.raises(KeyboardInterrupt):
            ledger.compact()
        survivor = Ledger(str(tmp_path / str(moment)), "sweep")
        assert contents(survivor) == before
        assert survivor.compact() == len(TRIALS)
        assert contents(survivor) == before
        assert len(files(survivor)) == 2


def kill_after(store, moment):
    """Let a store change the disk `moment` times."""
    left = [moment]
    for verb in ("write", "delete"):
        original = getattr(store, verb)

        def dying(*arguments, original=original):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return original(*arguments)

        setattr(store, verb, dying)


def test_a_merged_result_does_not_come_back_when_a_later_failure_is_forgotten(ledger):
    """A trial whose merged curves were damaged runs again and fails; `retry` must not bring its old rows back."""
    commit_all(ledger)
    ledger.compact()
    again = TRIALS[2]
    commit(ledger, again, state=TrialState.FAILED)
    assert ledger.records()[0][again.trial_id].state is TrialState.FAILED
    ledger.forget([again.trial_id])
    records, damaged = ledger.records()
    assert (set(records), damaged) == ({t.trial_id for t in TRIALS} - {again.trial_id}, [])
    assert again.trial_id not in ledger.summary()[0].column("trial_id").to_pylist()
    commit(ledger, again)
    assert ledger.compact() == len(TRIALS)
    assert len(files(ledger)) == 2


def test_quarantine_takes_damaged_files_away_and_their_trials_run_again(ledger):
    for trial in TRIALS[:3]:
        commit(ledger, trial)
    ledger.compact()
    for trial in TRIALS[3:]:
        commit(ledger, trial)
    (merged,) = (name for name in files(ledger) if name.startswith("curves/") and "compact-" in name)
    tear(ledger, merged)
    tear(ledger, f"summary/{TRIALS[3].trial_id}.parquet")
    moved = [f"summary/{TRIALS[3].trial_id}.parquet", merged]
    assert ledger.quarantine() == moved
    records, damaged = ledger.records()
    assert (set(records), damaged) == ({t.trial_id for t in TRIALS[4:]}, [])
    assert {f"quarantine/{name.replace('/', '_')}" for name in moved} <= set(files(ledger))
    assert ledger.quarantine() == []
    for trial in TRIALS[:4]:
        commit(ledger, trial)
    assert ledger.compact() == len(TRIALS)


def test_quarantine_for_a_part_leaves_the_files_of_others_alone(ledger):
    """Their drivers may be about to write them anew."""
    commit_all(ledger)
    ours, theirs = TRIALS[0].trial_id, TRIALS[1].trial_id
    for trial_id in (ours, theirs):
        tear(ledger, f"summary/{trial_id}.parquet")
    (lost,) = (name for name in files(ledger) if TRIALS[2].trial_id in name and name.startswith("curves/"))
    tear(ledger, lost)
    assert ledger.quarantine({ours}) == [f"summary/{ours}.parquet"]
    assert f"summary/{theirs}.parquet" in files(ledger)
    assert {lost, f"summary/{TRIALS[2].trial_id}.parquet"} <= set(files(ledger))


# -- the sweep


def test_the_sweep_is_stored(ledger):
    ledger.write_sweep({"name": "sweep", "question": "±?"})
    assert ledger.read_sweep() == {"name": "sweep", "question": "±?"}


def test_a_torn_sweep_file_is_an_error_with_a_remedy(ledger):
    ledger.store.write("sweep.json", b'{"name": ')
    with pytest.raises(ResultsError) as caught:
        ledger.read_sweep()
    message = str(caught.value)
    assert message.startswith(
        f"{ledger.store.where('sweep.json')} should hold a sweep as `mtlray run` wrote it. Found "
    )
    assert message.endswith("Remove that file and run the sweep again; finished trials are kept.")


def test_no_flipped_bit_of_the_sweep_file_is_accepted(ledger):
    described = {"name": "sweep", "trials": [{"trial_id": "a" * 16, "fraction": 0.25, "seed": 3}]}
    ledger.write_sweep(described)
    data = ledger.store.read("sweep.json")
    accepted = 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        ledger.store.write("sweep.json", bytes(flipped), durable=False)
        with contextlib.suppress(ResultsError):
            accepted += ledger.read_sweep() != described
    assert accepted == 0


def test_a_sweep_file_of_the_first_format_has_no_seal_and_is_read(ledger):
    ledger.store.write("sweep.json", b'{"name": "sweep"}')
    assert ledger.read_sweep() == {"name": "sweep"}


def test_probe_leaves_nothing(ledger, tmp_path):
    ledger.probe()
    assert files(ledger) == []
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError) as caught:
        Ledger(str(tmp_path / "file"), "sweep").probe()
    assert str(caught.value).startswith(f"Results should be written to {tmp_path}/file/sweep/. Found: ")
    assert str(caught.value).endswith("Make that folder writable, or choose another place with --results.")
