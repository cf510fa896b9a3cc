"""What the page is told: states, steps, curves and reasons, from the folder alone, which stays as it is; and what is wrong."""

import json
import math
from pathlib import Path

import pytest
from faultlib import tree
from running_sweep import REASON, STEPS, RunningSweep

from mtlray.analysis.watch import curves
from mtlray.analysis.watch.follower import Follower
from mtlray.storage.store import Store

INTERVAL = Follower._interval


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Each question reads the folder."""
    monkeypatch.setattr(Follower, "_interval", lambda self, requests, took: 0.0)


@pytest.fixture
def sweep(tmp_path):
    return RunningSweep(tmp_path / "results")


def counts(state):
    return {name: n for name, n in state["counts"].items() if n}


def test_a_running_sweep_is_told_and_not_touched(sweep):
    with sweep.at_work():
        before = tree(Path(sweep.folder))
        watching = Follower(sweep.folder)
        state = watching.state()
        lines = watching.curves("", "")
        assert tree(Path(sweep.folder)) == before
    assert counts(state) == {"done": 3, "failed": 1, "diverged": 1, "running": 2, "waiting": 1}
    assert state["share"] == pytest.approx((5 + 500 / STEPS) / 8)
    assert (state["ready"], state["trouble"], state["damaged"], len(state["drivers"])) == (True, "", [], 1)
    first, second = state["running"]
    assert (first["step"], first["steps"], first["attempt"], first["before"]) == (500, STEPS, 2, "worker lost")
    assert (second["step"], second["attempt"], second["host"]) == (None, 1, "node-3")
    assert [(t["state"], t["reason"]) for t in state["troubles"]] == [
        ("failed", REASON),
        ("diverged", "non-finite loss at step 300"),
    ]
    json.dumps([state, lines], allow_nan=False)


def test_a_running_trial_has_its_curve_as_far_as_its_checkpoint(sweep):
    with sweep.at_work():
        watching = Follower(sweep.folder)
        lines = watching.curves("", "")
        assert (lines["measure"], lines["measures"][0]) == ("val/score", "val/score")
        assert "test/right/accuracy" in lines["measures"]
        assert len(lines["lines"]) == 5  # three done, one diverged, one running
        assert [line["running"] for line in lines["lines"]] == [False] * 4 + [True]
        running = lines["lines"][-1]
        assert running["points"] == [(100 * e, pytest.approx(1 - 1 / (e + 1))) for e in range(1, 6)]
        sweep.stands(5, 700)
        assert watching.curves("", "test/left/accuracy")["lines"][-1]["points"][-1] == (700, pytest.approx(87.5))


def test_progress_moves_and_ends(sweep):
    watching = Follower(sweep.folder)
    with sweep.at_work() as lock:
        shares = [watching.state()["share"]]
        sweep.stands(5, 900)
        shares.append(watching.state()["share"])
        sweep.complete(sweep.trials[5])
        shares.append(watching.state()["share"])
        lock.note_running([])
    for i in (3, 6, 7):
        sweep.complete(sweep.trials[i])
    end = watching.state()
    assert shares == pytest.approx([(5 + part) / 8 for part in (500 / STEPS, 900 / STEPS, 1)])
    assert (end["share"], end["drivers"], counts(end)) == (1.0, [], {"done": 7, "diverged": 1})


def test_without_a_driver_what_was_started_is_interrupted(sweep):
    assert counts(Follower(sweep.folder).state())["interrupted"] == 2


def test_a_folder_that_comes_later_is_waited_for(tmp_path):
    watching = Follower(str(tmp_path / "results" / "lively"))
    state = watching.state()
    assert not state["ready"]
    assert "Found none" in state["trouble"]
    assert watching.curves("", "")["lines"] == []
    assert list(tmp_path.iterdir()) == []
    RunningSweep(tmp_path / "results")
    state = watching.state()
    assert (state["ready"], state["trouble"], state["planned"]) == (True, "", 8)


def test_a_results_folder_of_one_sweep_will_do(sweep):
    assert Follower(str(Path(sweep.folder).parent)).state()["name"] == "lively"


def test_damaged_files_are_named_and_the_rest_is_shown(sweep):
    sweep.cut_short(sweep.trials[0])
    curve = Path(sweep.folder, "trials", sweep.trials[5]["trial_id"], "curve.parquet")
    curve.write_bytes(curve.read_bytes()[:-20])
    with sweep.at_work():
        state = Follower(sweep.folder).state()
    assert state["damaged"] == [
        f"summary/{sweep.trials[0]['trial_id']}.parquet",
        f"trials/{sweep.trials[5]['trial_id']}/curve.parquet",
    ]
    assert counts(state) == {"done": 2, "damaged": 1, "failed": 1, "diverged": 1, "running": 2, "waiting": 1}


def test_a_damaged_sweep_file_leaves_what_was_known(sweep):
    watching = Follower(sweep.folder)
    before = watching.state()
    path = Path(sweep.folder, "sweep.json")
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    state = watching.state()
    assert "should hold a sweep" in state["trouble"]
    assert state["counts"] == before["counts"]
    path.write_bytes(whole)
    assert watching.state()["trouble"] == ""


def test_the_trials_of_a_sweep_file_replace_those_of_the_folder(sweep):
    state = Follower(sweep.folder, sweep.trials[:2]).state()
    assert (state["planned"], state["others"], counts(state)) == (2, 3, {"done": 2})


def test_a_trial_that_runs_again_after_it_failed_is_told_anew(sweep):
    watching = Follower(sweep.folder)
    assert counts(watching.state())["failed"] == 1
    sweep.ledger.forget([sweep.trials[3]["trial_id"]])
    assert "failed" not in counts(watching.state())
    sweep.complete(sweep.trials[3])
    assert counts(watching.state())["done"] == 4


def test_what_was_read_is_not_read_again(sweep, monkeypatch):
    read = []
    plain = Store.read
    monkeypatch.setattr(Store, "read", lambda self, path: read.append(path) or plain(self, path))
    with sweep.at_work():
        watching = Follower(sweep.folder)
        watching.state()
        assert len([path for path in read if path.startswith("summary/")]) == 5
        read.clear()
        watching.state()
        asked = list(read)  # and not what the driver reads at its end
    running = [f"trials/{sweep.trials[i]['trial_id']}/curve.parquet" for i in (5, 6)]
    assert sorted(asked) == sorted(["driver.json", *running])


def test_values_that_are_not_finite_leave_no_point(sweep):
    rows = sweep.curve(sweep.trials[7], 4)
    rows[1]["val/score"], rows[2]["val/score"] = math.nan, math.inf
    sweep.finish(sweep.trials[7], {"left": 1.0, "right": 1.0}, curve_rows=rows)
    lines = Follower(sweep.folder).curves("", "val/score")["lines"]
    (line,) = [line for line in lines if line["strategy"] == "uncertainty"]
    assert [step for step, _ in line["points"]] == [100, 400]


def test_a_long_line_is_thinned_and_keeps_its_end():
    points = curves._points(list(range(10_000)), [0.0] * 10_000)
    assert len(points) <= 300
    assert points[-1][0] == 9_999


def test_a_store_is_asked_at_a_decent_rate():
    """At most every 15 seconds, and at most five requests a second; a slow disk is at rest four fifths of the time."""
    here, away = Follower("results/small"), Follower("s3://bucket/results/small")
    assert (INTERVAL(here, 1000, 0.01), INTERVAL(here, 1000, 3.0)) == (2.0, 12.0)
    assert (INTERVAL(away, 10, 0.1), INTERVAL(away, 1000, 0.1)) == (15.0, 200.0)
