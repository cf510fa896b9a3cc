"""Every process of a launch met by every signal at every stage: the promised exit code, nothing lost, nothing left over.

`-s` prints a line for each case, from which the table in docs/reliability.md is made.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from faultlib import SWEEP, assert_same_results, wait_for
from places import SUPPORT
from processes import control_processes, family, is_alive, kill_all, raylets, send, workers

from mtlray.results.ledger import Ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WAITS = SUPPORT / "sweep_waits.py"
SIGNALS = ["TERM", "INT", "HUP", "KILL", "STOP"]
DRIVER = {"TERM": 75, "INT": 3, "HUP": 75, "USR1": 75, "KILL": -9, "STOP": 0}
LOST = {
    "TERM": 3,
    "INT": 0,
    "HUP": 0,
    "KILL": 3,
    "STOP": 0,
}  # of Ray's own processes, which leave INT and HUP to the driver
WORKER = dict.fromkeys(SIGNALS, 0)  # it is started again, wherever it ended
STOPPED_SECONDS = 8.0  # longer than a beat of `driver.json`
PROMISED_SECONDS = 60.0

# Two trials of some seconds each, at work at the same time.
TRAINING = ("--seeds", "0:1", "--strategies", "dwa,loss_share", "--steps", "900", "--checkpoint-seconds", "0.2")


@pytest.fixture
def place():
    """A temporary folder for this case, with a path that is short enough for Ray."""
    folder = Path(tempfile.mkdtemp(prefix="km", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Launch:
    """A launch with a temporary folder of its own, in a process group of its own."""

    def __init__(self, place, output, *arguments, **env):
        self.output = output
        command = [sys.executable, "-c", "from mtlray.cli import main; main()", "run", *map(str, arguments), "--yes"]
        environment = {key: value for key, value in os.environ.items() if key != "RAY_TMPDIR"}
        environment |= {"TMPDIR": str(place), "OMP_NUM_THREADS": "1", **env}
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True
            )
        self.pid = self.process.pid

    def ended(self):
        return self.process.poll() is not None

    def code(self):
        return self.process.wait(timeout=400)

    @property
    def text(self):
        return self.output.read_text(errors="replace")


def meet(launch, target, number, arrange=lambda: None, second=lambda: None):
    """Send a signal to a process of a launch; the exit code, and the seconds until it ended.

    `arrange` is called once the signal has been sent; `second` while a process is stopped.
    """
    relatives = list(family(launch.pid))
    began = time.monotonic()
    send(target, number)
    if number == signal.SIGSTOP:
        second()
        time.sleep(max(0.0, STOPPED_SECONDS - (time.monotonic() - began)))
        send(target, signal.SIGCONT)
        began = time.monotonic()
    arrange()
    code = launch.code()
    seconds = time.monotonic() - began
    try:
        wait_for(lambda: not any(is_alive(pid) for pid in relatives), seconds=60)
    finally:
        kill_all(relatives)
    return code, seconds


def check(launch, code, expected, seconds):
    assert code == expected, launch.text
    assert "Traceback" not in launch.text
    assert seconds < PROMISED_SECONDS or code == 0


def check_results(results, sweep="small"):
    """No trial has failed."""
    records, damaged = Ledger(str(results), sweep).records()
    assert not damaged
    assert {record.state for record in records.values()} <= {"done"}, records


def left_in(place):
    """What is there but torch's cache, which it keeps from one process to the next."""
    return [path.name for path in place.iterdir() if not path.name.startswith("torchinductor_")]


def report(*words):
    print("|", " | ".join(map(str, words)), "|", flush=True)


# -- before trials run


@pytest.fixture(scope="module")
def waiting_undisturbed(tmp_path_factory, data):
    results = tmp_path_factory.mktemp("waiting")
    output = results / "output"
    launch = Launch(results, output, WAITS, "--in-process", "--results", results / "R", "--data", data)
    assert launch.code() == 0, launch.text
    return results / "R"


@pytest.mark.parametrize("name", [*SIGNALS, "USR1"])
@pytest.mark.parametrize("stage", ["importing", "loading", "planning", "preparing data"])
def test_before_ray_starts(tmp_path, data, place, waiting_undisturbed, stage, name):
    mark = tmp_path / "mark"
    arguments = (WAITS, "--in-process", "--results", tmp_path / "R", "--data", data)
    waits = {} if stage == "importing" else {"WAITS": f"{stage}:{mark}"}
    launch = Launch(place, tmp_path / "output", *arguments, **waits)
    if stage == "importing":
        maps = Path(f"/proc/{launch.pid}/maps")
        wait_for(lambda: launch.ended() or "libtorch" in maps.read_text())
    else:
        wait_for(lambda: launch.ended() or mark.exists())

    def second():
        other = Launch(place, tmp_path / "second", *arguments)
        assert other.code() == 0, other.text

    code, seconds = meet(launch, launch.pid, signal.Signals[f"SIG{name}"], lambda: mark.unlink(missing_ok=True), second)
    check(launch, code, DRIVER[name], seconds)
    again = Launch(place, tmp_path / "again", *arguments)
    assert again.code() == 0, again.text
    check_results(tmp_path / "R")
    assert_same_results(tmp_path / "R", waiting_undisturbed)
    assert left_in(place) == []
    report("driver", stage, name, code, f"{seconds:.1f} s")


# -- under Ray


@pytest.fixture(scope="module")
def training_undisturbed(tmp_path_factory, data):
    results = tmp_path_factory.mktemp("training")
    launch = Launch(results, results / "output", SWEEP, *TRAINING, "--in-process", "--results", results, "--data", data)
    assert launch.code() == 0, launch.text
    return results


FINDERS = {
    "driver": lambda pid: [pid],
    "raylet": raylets,
    "control process": control_processes,
    "worker": workers,
}
EXPECTED = {"driver": DRIVER, "raylet": LOST, "control process": LOST, "worker": WORKER}
STARTING = [("driver", name, DRIVER[name]) for name in SIGNALS]
# Ray that cannot start on this machine: nothing ran.
STARTING += [("raylet", "KILL", 2), ("control process", "KILL", 2)]


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize(("who", "name", "expected"), STARTING)
def test_while_ray_starts(tmp_path, data, place, training_undisturbed, who, name, expected):
    arguments = (SWEEP, *TRAINING, "--workers", "2", "--results", tmp_path / "R", "--data", data)
    launch = Launch(place, tmp_path / "output", *arguments)
    find = control_processes if who == "driver" else FINDERS[who]
    wait_for(lambda: launch.ended() or find(launch.pid))
    (found,) = find(launch.pid)
    code, seconds = meet(launch, launch.pid if who == "driver" else found, signal.Signals[f"SIG{name}"])
    if who == "driver":
        check(launch, code, expected, seconds)
    else:  # it may have been met a moment after its start was told
        assert code in (2, 3), launch.text
        assert "Traceback" not in launch.text
    again = Launch(place, tmp_path / "again", *arguments)
    assert again.code() == 0, again.text
    check_results(tmp_path / "R")
    assert_same_results(tmp_path / "R", training_undisturbed)
    assert left_in(place) == []
    report(who, "starting Ray", name, code, f"{seconds:.1f} s")


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("who", FINDERS)
@pytest.mark.parametrize("stage", ["in training", "in a commit"])
def test_while_trials_run(tmp_path, data, place, training_undisturbed, who, stage, name):
    mark, results = tmp_path / "mark", tmp_path / "R"
    committing = stage == "in a commit"
    arguments = (SWEEP, *TRAINING, "--workers", 1 if committing else 2, "--results", results, "--data", data)
    waits = {"MTLRAY_FAILPOINT": f"commit-curves:1:{mark}"} if committing else {}
    launch = Launch(place, tmp_path / "output", *arguments, **waits)
    trials = results / "small" / "trials"
    wait_for(
        lambda: launch.ended() or (mark.exists() if committing else len(list(trials.glob("*/checkpoint-*.pt"))) == 2)
    )
    target = FINDERS[who](launch.pid)[0]

    def second():
        if who == "driver":
            other = Launch(place, tmp_path / "second", *arguments)
            assert other.code() == 2, other.text
            assert "Another `mtlray` is working on this sweep" in other.text

    code, seconds = meet(launch, target, signal.Signals[f"SIG{name}"], lambda: mark.unlink(missing_ok=True), second)
    check_results(results)
    check(launch, code, EXPECTED[who][name], seconds)
    again = Launch(place, tmp_path / "again", *arguments)
    assert again.code() == 0, again.text
    check_results(results)
    assert_same_results(results, training_undisturbed)
    assert left_in(place) == []
    report(who, stage, name, code, f"{seconds:.1f} s")
