"""Kills of Ray's workers at random moments of running sweeps: nothing lost, nothing twice, equal bits (F1)."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faultlib import ROUNDS, SWEEP, assert_same_results, shards

from mtlray.results.ledger import Ledger
from mtlray.specs.sweepfile import load_sweep

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ray,
    pytest.mark.xdist_group("ray"),
    pytest.mark.timeout(300 + 60 * ROUNDS),
]

# Eight trials of a few seconds each, two at once.
STEPS = ("--steps", "600")
UNDER_RAY = ("--workers", "2", "--checkpoint-seconds", "0.2")


def workers_of(driver):
    """The processes that came from a driver and run trials, or are about to."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family = {driver}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    found = []
    for pid in family:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::ImplicitFunc"):
                found.append(pid)
    return sorted(found)


def launch(verb, results, data, output):
    options = ("--yes", *UNDER_RAY, "--data", data) if verb == "run" else ()
    command = [sys.executable, "-c", "from mtlray.cli import main; main()", verb, SWEEP, *STEPS, "--results", results]
    with output.open("ab") as file:
        return subprocess.Popen([*map(str, command), *map(str, options)], stdout=file, stderr=file, env=os.environ)


def kill_some(driver, moments, wanted):
    """Kill workers of a driver until it ends or enough were killed; how many."""
    kills = 0
    while driver.poll() is None and kills < wanted:
        time.sleep(moments.uniform(0.0, 6.0))
        if workers := workers_of(driver.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(moments.choice(workers), signal.SIGKILL)
                kills += 1
    return kills


def test_workers_killed_at_random_moments_lose_and_double_nothing(tmp_path, data, drivers):
    """A trial that lost three workers is given up, as it should be; then `mtlray retry` and the same command go on."""
    began = time.monotonic()
    alone = tmp_path / "alone"
    code, output = drivers.run("run", SWEEP, *STEPS, "--in-process", "--yes", "--results", alone, "--data", data)
    assert code == 0, output
    sweep, _ = load_sweep(SWEEP)
    moments = random.Random(int(os.environ.get("MTLRAY_FAULTS_SEED", "1")))
    kills = sweeps = while_training = given_up = 0
    while kills < ROUNDS:
        results, output = tmp_path / str(sweeps), tmp_path / f"output-{sweeps}"
        ledger = Ledger(str(results), sweep.name)
        finished, code = {}, None
        while code != 0:
            driver = launch("run", results, data, output)
            kills += kill_some(driver, moments, ROUNDS - kills)
            code = driver.wait(timeout=600)
            assert code in (0, 1), output.read_text()
            records = ledger.records()[0]
            now = shards(results)
            assert {name: now[name] for name in finished} == finished, "a finished trial ran again"
            finished = {n: at for n, at in now.items() if records[n.removesuffix(".parquet")].state == "done"}
            errors = [record.error for record in records.values() if record.state != "done"]
            assert all(
                re.match(r"given up after 3 starts \(worker lost|its worker was lost 3 times", e) for e in errors
            )
            given_up += len(errors)
            if errors:
                assert launch("retry", results, data, output).wait(timeout=100) == 0, output.read_text()
        assert_same_results(results, alone)
        ends = [attempt.end for trial_id in records for attempt in ledger.folder(trial_id).attempts()]
        while_training += ends.count("worker lost")
        sweeps += 1
    seconds = time.monotonic() - began
    print(f"{kills} kills over {sweeps} sweeps in {seconds:.0f} s; {while_training} of them while a trial", end=" ")
    print(f"trained; {given_up} times a trial was given up and let run again")
    assert while_training > 0
