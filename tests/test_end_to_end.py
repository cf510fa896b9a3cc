"""Whole sweeps through the command line, on Ray and in process, undisturbed and with workers and drivers killed."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from places import SMALL

from mtlray.results.ledger import CURVE_CIRCUMSTANCES, SUMMARY_CIRCUMSTANCES, Ledger
from mtlray.running.policy import INCOMPLETE, REQUEUE

SWEEP = SMALL
N_TRIALS = 8

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(400)]


def command(*arguments):
    return [sys.executable, "-c", "from mtlray.cli import main; main()", *map(str, arguments)]


def mtlray(*arguments, check=True):
    """Run the command line to its end; returns the finished process."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def results_of(folder):
    """Curves and summary of a results folder in a fixed order, without what depends on when and where it ran."""
    ledger = Ledger(str(folder), "small")
    summary, damaged = ledger.summary()
    assert not damaged
    summary = summary.to_pandas().drop(columns=list(SUMMARY_CIRCUMSTANCES))
    curves = pd.concat([ledger.curves(name).to_pandas() for name in ledger.datasets()])
    curves = curves.drop(columns=list(CURVE_CIRCUMSTANCES))
    return (
        summary.sort_values(["trial_id", "task", "metric"]).reset_index(drop=True),
        curves.sort_values(["trial_id", "step"]).reset_index(drop=True),
    )


def assert_same_results(one, other):
    for mine, theirs in zip(results_of(one), results_of(other), strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


def shards(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "small" / "summary").glob("*.parquet")}


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, data):
    """The sweep run in process, from the last strategy to the first: the reference for everything else."""
    results = tmp_path_factory.mktemp("undisturbed")
    for strategies in ("loss_share,uncertainty", "dwa,stl"):
        mtlray("run", SWEEP, "--in-process", "--strategies", strategies, "--results", results, "--data", data)
    return results


@pytest.mark.slow
def test_ray_gives_the_same_bits_as_one_process_in_another_order(tmp_path, data, undisturbed):
    done = mtlray("run", SWEEP, "--yes", "--workers", 2, "--results", tmp_path, "--data", data)
    assert_same_results(tmp_path, undisturbed)
    assert re.search(r"loss_share +\d", done.stdout), done.stdout
    again = mtlray("run", SWEEP, "--yes", "--results", tmp_path, "--data", data)
    assert f"All {N_TRIALS} trials are finished" in again.stdout


@pytest.mark.slow
def test_one_worker_and_an_extended_grid_run_only_what_is_new(tmp_path, data, undisturbed):
    narrow = ("--results", tmp_path, "--data", data, "--yes", "--workers", 1)
    mtlray("run", SWEEP, "--seeds", "0:1", "--strategies", "dwa,loss_share", *narrow)
    before = shards(tmp_path)
    assert len(before) == 2
    done = mtlray("run", SWEEP, *narrow)
    assert "6 to run, 2 done" in done.stdout
    after = shards(tmp_path)
    assert len(after) == N_TRIALS
    assert {path: after[path] for path in before} == before
    assert_same_results(tmp_path, undisturbed)


def worker_pids(results):
    """Processes of trials that are running now, from the logs of their attempts."""
    trials = results / "small" / "trials"
    for log in trials.glob("*/attempt-*.log"):
        if not (results / "small" / "summary" / f"{log.parent.name}.parquet").exists():
            yield from map(int, re.findall(r"process (\d+)", log.read_text()))


def kill_a_worker(results):
    for pid in worker_pids(results):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def test_killed_workers_and_drivers_change_nothing(tmp_path, data, undisturbed):
    arguments = (
        "run",
        SWEEP,
        "--yes",
        "--workers",
        2,
        "--checkpoint-seconds",
        0.1,
        "--results",
        tmp_path,
        "--data",
        data,
    )
    moments = random.Random(4)  # a fixed choice of moments; the machine's timing adds its own
    finished = {}
    for round_ in range(2):
        driver = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        trials = tmp_path / "small" / "trials"
        seen = len(shards(tmp_path))
        wait_for(lambda: list(trials.glob("*/checkpoint-*.pt")) or driver.poll() is not None)  # noqa: B023
        assert kill_a_worker(tmp_path) or round_ > 0
        wait_for(lambda: len(shards(tmp_path)) > seen or driver.poll() is not None)  # noqa: B023
        time.sleep(moments.uniform(0, 2))
        driver.kill()
        driver.wait()
        now = shards(tmp_path)
        assert {path: now[path] for path in finished} == finished
        finished = now
    assert 0 < len(finished) < N_TRIALS, "the driver was killed too early or too late to test anything"
    done = mtlray(*arguments)
    assert re.search(r"loss_share +\d", done.stdout), done.stdout
    after = shards(tmp_path)
    assert len(after) == N_TRIALS
    assert {path: after[path] for path in finished} == finished
    assert_same_results(tmp_path, undisturbed)
    again = mtlray("run", SWEEP, "--yes", "--results", tmp_path, "--data", data)
    assert f"All {N_TRIALS} trials are finished" in again.stdout
    logs = [log.read_text() for log in (tmp_path / "small" / "trials").glob("*/attempt-*.log")]
    assert any(int(step) > 0 for log in logs for step in re.findall(r"training from step (\d+)", log))


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGTERM, REQUEUE), pytest.param(signal.SIGINT, INCOMPLETE, marks=pytest.mark.slow)]
)
def test_a_signal_stops_the_sweep_at_checkpoints(tmp_path, data, number, expected):
    arguments = command("run", SWEEP, "--yes", "--steps", 2000, "--results", tmp_path, "--data", data)
    driver = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    trials = tmp_path / "small" / "trials"
    wait_for(lambda: any("training from" in log.read_text() for log in trials.glob("*/attempt-*.log")))
    driver.send_signal(number)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == expected, output
    logs = [log.read_text() for log in trials.glob("*/attempt-*.log")]
    assert all("stopped on request at step" in log for log in logs), logs
    assert len(list(trials.glob("*/checkpoint-*.pt"))) == len(logs)
    assert "Run the same command again to continue" in output
    assert "Traceback" not in output
