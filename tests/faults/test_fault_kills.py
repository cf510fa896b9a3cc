"""Kills of the driver, at random moments and at every step of a write: nothing lost, nothing twice, equal bits (F2, F3)."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from faultlib import N_TRIALS, NARROW, ROUNDS, SWEEP, assert_same_results, shards
from places import SUPPORT

from mtlray.storage.failpoints import FAILPOINTS

LIFE = SUPPORT / "life.py"


def life(tmp_path, how):
    """What `life.py` saw."""
    command = [sys.executable, str(LIFE), str(tmp_path / "life"), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_killed_once_at_every_failpoint_a_folder_recovers(tmp_path):
    report = life(tmp_path, "first")
    assert report["problems"] == []
    reached = {name for name, kills in report["kills"].items() if kills}
    assert reached == FAILPOINTS.keys() - {"checkpoint-deleted"}, "the trial's own end is tested below"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_every_hit_of_every_failpoint_a_folder_recovers(tmp_path):
    report = life(tmp_path, "all")
    print(sum(report["kills"].values()), "kills:", report["kills"])
    assert report["problems"] == []
    assert sum(report["kills"].values()) > 500


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILPOINTS)
def test_a_driver_that_dies_at_a_failpoint_goes_on(tmp_path, data, undisturbed, drivers, name):
    arguments = ("run", SWEEP, *NARROW, "--results", tmp_path, "--data", data)
    deaths = 0
    for hit in (1, 3, 10):
        code, output = drivers.run(*arguments, MTLRAY_FAILPOINT=f"{name}:{hit}")
        assert code in (0, -signal.SIGKILL), output
        deaths += code == -signal.SIGKILL
    code, output = drivers.run(*arguments)
    assert code == 0, output
    assert_same_results(tmp_path, undisturbed)
    rare = {
        "kept-weights",
        "merge-written",
        "merge-deleted",
        "forget-rewritten",
        "quarantine-copied",
    }  # no step of this command
    assert deaths > 0 or name in rare


@pytest.mark.slow
@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_drivers_killed_at_random_moments_lose_and_double_nothing(tmp_path, data, undisturbed, drivers):
    moments = random.Random(int(os.environ.get("MTLRAY_FAULTS_SEED", "1")))
    kills = sweeps = 0
    while kills < ROUNDS:
        results = tmp_path / str(sweeps)
        finished, code = {}, None
        while code != 0:
            running = drivers.start("run", SWEEP, *NARROW, "--results", results, "--data", data)
            if kills < ROUNDS:
                time.sleep(moments.uniform(0.0, 3.0))
                running.kill()
            code = running.wait()
            assert code in (0, -signal.SIGKILL), running.output
            kills += code == -signal.SIGKILL
            now = shards(results)
            assert {name: now[name] for name in finished} == finished, "a finished trial ran again"
            finished = now
        assert len(finished) == N_TRIALS
        assert_same_results(results, undisturbed)
        sweeps += 1
    print(f"{kills} kills over {sweeps} sweeps")
