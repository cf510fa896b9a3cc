"""Every process of a launch met by every signal at every stage: the promised exit code, nothing lost, nothing left over.

`-s` prints a line for each case, from which the table in docs/reliability.md is made.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from faultlib import SWEEP, Drivers, assert_same_results, wait_for
from places import SUPPORT
from processes import control_processes, family, is_alive, kill_all, raylets, send, workers

from mtlray.results.ledger import Ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

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
LONG = 600.0  # until a launch has come to where it is met, on a machine that is very busy

# Two trials of some seconds each, at work at the same time; a request to stop reaches them within a second or so.
TRAINING = ("--seeds", "0:1", "--strategies", "dwa,loss_share", "--steps", "2000", "--checkpoint-seconds", "0.2")
HEARD = {"TERM": "SIGTERM: running trials", "INT": "Stopping at the next checkpoint", "HUP": "SIGHUP: running trials"}


@pytest.fixture
def place():
    """A temporary folder for this case, with a path that is short enough for Ray."""
    folder = Path(tempfile.mkdtemp(prefix="km", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def importing(place, output, *arguments):
    """A driver that imports all by itself, unlike those of the server."""
    command = [sys.executable, "-c", "from mtlray.cli import main; main()", *map(str, arguments)]
    with output.open("wb") as file:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=os.environ | {"TMPDIR": str(place)}
        )


@contextlib.contextmanager
def let_go(mark):
    """Nobody waits at `mark` any longer, a worker that is started anew neither."""
    done = threading.Event()

    def remove():
        while not done.wait(0.05):
            mark.unlink(missing_ok=True)

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def meet(driver, target, name, mark, *, heard="", second=lambda: None):
    """Send a signal to a process of a launch; the exit code, and the seconds until the driver ended.

    Whoever waits at `mark` continues once the signal has been sent, and the driver has said `heard`; `second` is called while the
    process is stopped.
    """
    relatives = list(family(driver.pid))
    send(target, signal.Signals[f"SIG{name}"])
    began = time.monotonic()
    wait_for(lambda: heard in driver.output, LONG)
    if name == "STOP":
        second()
        time.sleep(max(0.0, STOPPED_SECONDS - (time.monotonic() - began)))
        send(target, signal.SIGCONT)
        began = time.monotonic()
    with let_go(mark):
        code = driver.wait()
    seconds = time.monotonic() - began
    try:
        wait_for(lambda: not any(is_alive(pid) for pid in relatives), seconds=LONG)
    finally:
        kill_all(relatives)
    return code, seconds


def check(driver, code, expected, seconds):
    assert code == expected, driver.output
    assert "Traceback" not in driver.output
    assert seconds < PROMISED_SECONDS or code == 0


def check_continued(drivers, place, arguments, results, undisturbed):
    """The next launch ends with the numbers of an undisturbed one, and leaves nothing."""
    code, output = drivers.run("run", *arguments, "--in-process", TMPDIR=str(place))
    assert code == 0, output
    check_results(results)
    assert_same_results(results, undisturbed)
    left = [path.name for path in place.iterdir() if not path.name.startswith("torchinductor_")]  # torch's, which stays
    assert left == []


def check_results(results, sweep="small"):
    """No trial has failed."""
    records, damaged = Ledger(str(results), sweep).records()
    assert not damaged
    assert {record.state for record in records.values()} <= {"done"}, records


def report(*words):
    print("|", " | ".join(map(str, words)), "|", flush=True)


# -- before trials run


@pytest.fixture(scope="module")
def undisturbed_of(tmp_path_factory, server):
    """The results of a sweep that nothing met."""

    def run(*arguments):
        results = tmp_path_factory.mktemp("undisturbed")
        code, output = Drivers(server, results).run(
            "run", *arguments, "--in-process", "--yes", "--results", results / "R"
        )
        assert code == 0, output
        return results / "R"

    return run


@pytest.fixture(scope="module")
def waiting_undisturbed(undisturbed_of, data):
    return undisturbed_of(WAITS, "--data", data)


@pytest.fixture(scope="module")
def training_undisturbed(undisturbed_of, data):
    return undisturbed_of(SWEEP, *TRAINING, "--data", data)


@pytest.mark.parametrize("name", [*SIGNALS, "USR1"])
@pytest.mark.parametrize("stage", ["loading", "planning", "preparing data"])
def test_before_ray_starts(tmp_path, data, place, drivers, waiting_undisturbed, stage, name):
    mark = tmp_path / "mark"
    arguments = (WAITS, "--yes", "--results", tmp_path / "R", "--data", data)
    driver = drivers.start("run", *arguments, "--in-process", WAITS=f"{stage}:{mark}", TMPDIR=str(place))
    wait_for(mark.exists, LONG)

    def second():
        code, output = drivers.run("run", *arguments, "--in-process")
        assert code == 0, output

    code, seconds = meet(driver, driver.pid, name, mark, second=second)
    check(driver, code, DRIVER[name], seconds)
    check_continued(drivers, place, arguments, tmp_path / "R", waiting_undisturbed)
    report("driver", stage, name, code, f"{seconds:.1f} s")


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1"])
def test_while_importing(tmp_path, data, place, name):
    driver = importing(place, tmp_path / "output", "run", WAITS, "--yes", "--results", tmp_path / "R", "--data", data)
    maps = Path(f"/proc/{driver.pid}/maps")
    wait_for(lambda: "libtorch" in maps.read_text(), LONG)
    driver.send_signal(signal.Signals[f"SIG{name}"])
    began = time.monotonic()
    assert driver.wait(timeout=LONG) == DRIVER[name], (tmp_path / "output").read_text()
    assert not (tmp_path / "R").exists()
    report("driver", "importing", name, driver.returncode, f"{time.monotonic() - began:.1f} s")


# -- under Ray

FINDERS = {
    "driver": lambda pid: [pid],
    "raylet": raylets,
    "control process": control_processes,
    "worker": workers,
}
EXPECTED = {"driver": DRIVER, "raylet": LOST, "control process": LOST, "worker": WORKER}
STARTING = [("driver", name) for name in SIGNALS] + [("raylet", "KILL"), ("control process", "KILL")]


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize(("who", "name"), STARTING)
def test_while_ray_starts(tmp_path, data, place, drivers, training_undisturbed, who, name):
    arguments = (SWEEP, *TRAINING, "--yes", "--results", tmp_path / "R", "--data", data)
    driver = drivers.start("run", *arguments, "--workers", "2", TMPDIR=str(place))
    find = control_processes if who == "driver" else FINDERS[who]
    wait_for(lambda: find(driver.pid), LONG)
    (found,) = find(driver.pid)
    code, seconds = meet(driver, driver.pid if who == "driver" else found, name, tmp_path / "mark")
    if who == "driver":
        check(driver, code, DRIVER[name], seconds)
    else:  # 0 where it was still early enough for another try
        assert code in (0, 2, 3), driver.output
        assert "Traceback" not in driver.output
    check_continued(drivers, place, arguments, tmp_path / "R", training_undisturbed)
    report(who, "starting Ray", name, code, f"{seconds:.1f} s")


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("who", FINDERS)
@pytest.mark.parametrize("stage", ["in training", "in a commit"])
def test_while_trials_run(tmp_path, data, place, drivers, training_undisturbed, who, stage, name):
    mark, results = tmp_path / "mark", tmp_path / "R"
    arguments = (SWEEP, *TRAINING, "--yes", "--results", results, "--data", data)
    if stage == "in a commit":
        waits, workers_ = {"MTLRAY_FAILPOINT": f"commit-curves:1:{mark}"}, 1
        there = mark.exists
    else:
        waits, workers_ = {}, 2
        trials = results / "small" / "trials"

        def there():
            return len(list(trials.glob("*/checkpoint-*.pt"))) >= 2

    driver = drivers.start("run", *arguments, "--workers", workers_, TMPDIR=str(place), **waits)
    wait_for(there, LONG)
    target = FINDERS[who](driver.pid)[0]

    def second():
        if who == "driver":
            code, output = drivers.run("run", *arguments, "--in-process")
            assert code == 2, output
            assert "Another `mtlray` is working on this sweep" in output

    heard = HEARD.get(name, "") if who == "driver" else ""
    code, seconds = meet(driver, target, name, mark, heard=heard, second=second)
    check_results(results)
    check(driver, code, EXPECTED[who][name], seconds)
    check_continued(drivers, place, arguments, results, training_undisturbed)
    report(who, stage, name, code, f"{seconds:.1f} s")
