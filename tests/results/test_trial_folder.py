"""A trial's folder: its attempts over kills, launches and `retry`, its logs, and the bytes that they are stored as."""

import os
import platform
import re

import pyarrow as pa
import pytest

from mtlray.errors import ResultsError
from mtlray.results.attempts import failures, history
from mtlray.results.trial_folder import LiveCurve, TrialFolder
from mtlray.storage.store import Store

ID = "0" * 16


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def folder(store):
    return TrialFolder(store, ID)


def begin(folder, launch):
    return folder.begin(launch, "host", 1)


def ends(folder):
    return [attempt.end for attempt in folder.attempts()]


def test_a_start_after_a_kill_in_the_same_launch_lost_its_worker(folder):
    begin(folder, "a")
    assert ends(folder) == [""]
    begin(folder, "a")
    assert ends(folder) == ["worker lost", ""]
    assert len(failures(folder.attempts())) == 1


def test_a_start_after_the_driver_was_killed_costs_nothing(folder):
    begin(folder, "a")
    begin(folder, "b")
    assert ends(folder) == ["interrupted", ""]
    assert failures(folder.attempts()) == []


def test_how_an_attempt_ended_is_noted(folder):
    folder.finish(begin(folder, "a"), "hung", "why" * 1000)
    (attempt,) = folder.attempts()
    assert (attempt.end, attempt.reason) == ("hung", ("why" * 1000)[:500])


def test_retry_forgives_and_keeps_the_history(folder):
    for _ in range(3):
        begin(folder, "a")
    folder.forgive()
    begin(folder, "b")
    attempts = folder.attempts()
    assert failures(attempts) == []
    assert history(attempts) == "worker lost, worker lost, interrupted, running"
    assert [attempt.number for attempt in attempts] == [1, 2, 3, 4]


def test_nothing_is_written_of_a_trial_that_never_started(folder, tmp_path):
    folder.forgive()
    folder.note_hang("no progress")
    assert folder.settle("a") == ()
    assert list(tmp_path.iterdir()) == []


def test_a_hang_is_noted_of_the_attempt_that_runs_and_of_no_other(folder):
    attempts = begin(folder, "a")
    folder.note_hang("no progress for 5 s")
    assert [(a.end, a.reason) for a in folder.attempts()] == [("hung", "no progress for 5 s")]
    folder.finish(attempts, "finished", "done")
    folder.note_hang("no progress for 5 s")
    assert ends(folder) == ["finished"]


def test_settling_is_stored(folder):
    begin(folder, "a")
    assert [attempt.end for attempt in folder.settle("a")] == ends(folder) == ["worker lost"]


def test_a_damaged_file_leaves_the_number_of_starts(folder, store):
    begin(folder, "a")
    folder.write_log(1, "")
    store.write(f"trials/{ID}/attempts.json", b'[{"number":')
    assert [(a.number, a.end) for a in folder.attempts()] == [(1, "interrupted")]


def test_a_log_says_what_went_before_and_where_it_runs(folder, store):
    folder.start("a", "{spec}", "the device").finish("error that may pass", "OSError: no")
    log = folder.start("a", "{spec}", "the device")
    log.add("training from step 0")
    lines = (store.local / "trials" / ID / "attempt-2.log").read_text().splitlines()
    assert lines[:2] == [
        f"trial {ID}: {{spec}}",
        f"attempt 1 on {platform.node()}: error that may pass OSError: no",
    ]
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
    here = re.escape(f"attempt 2 on {platform.node()}, the device, process {os.getpid()}")
    assert re.fullmatch(when + here, lines[2])
    assert re.fullmatch(when + "training from step 0", lines[3])
    assert log.path == folder.log_path(2) == str(store.local / "trials" / ID / "attempt-2.log")
    assert folder.read_log(2).splitlines() == lines


def test_what_the_files_are_called_and_hold(folder, store):
    """Results of earlier versions are read by these names."""
    log = folder.start("a", "{spec}", "the device")
    folder.checkpoints.write(b"state")
    log.finish("finished", "done")
    own = store.local / "trials" / ID
    assert sorted(path.name for path in own.iterdir()) == ["attempt-1.log", "attempts.json", "checkpoint-1.pt"]
    assert (own / "attempts.json").read_text() == (
        f'[\n {{\n  "number": 1,\n  "launch": "a",\n  "host": "{platform.node()}",\n  "process": {os.getpid()},\n'
        '  "end": "finished",\n  "reason": "done",\n  "forgiven": false\n }\n]'
    )


def live(step, n):
    return LiveCurve(step, 100, 1.5, pa.table({"step": pa.array(range(n), pa.int64())}))


@pytest.mark.parametrize("n", [0, 3])
def test_the_curve_so_far_comes_back(folder, n):
    assert folder.read_curve() is None
    folder.write_curve(live(10, n))
    folder.write_curve(live(20, n))
    curve = folder.read_curve()
    assert (curve.step, curve.steps, curve.seconds, curve.rows.num_rows) == (20, 100, 1.5, n)
    assert curve.rows.equals(live(20, n).rows)


def test_a_damaged_curve_is_refused(folder, store):
    folder.write_curve(live(10, 3))
    path = store.local / "trials" / ID / "curve.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    with pytest.raises(ResultsError):
        folder.read_curve()
    path.write_bytes(b"")
    with pytest.raises(ResultsError):
        folder.read_curve()


def test_a_curve_that_cannot_be_written_ends_no_trial(folder, store, monkeypatch):
    def full(path, data, *, durable=True):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write", full)
    folder.write_curve(live(10, 1))
    assert folder.read_curve() is None


def test_a_finished_trial_keeps_neither_checkpoints_nor_the_curve_so_far(folder, store):
    folder.start("a", "{spec}", "the device")
    folder.checkpoints.write(b"state")
    folder.write_curve(live(10, 1))
    folder.tidy()
    folder.tidy()
    assert store.names(f"trials/{ID}") == ["attempt-1.log", "attempts.json"]
