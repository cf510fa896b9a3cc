"""A wall clock that jumps by days under a running driver: no lock is stolen, none lasts for ever, nothing hangs (F25)."""

import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest
from faultlib import N_TRIALS, NARROW, SWEEP, assert_same_results, wait_for
from places import SUPPORT

from mtlray.results.ledger import Ledger

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("cc") is None, reason="the clock is made by a C compiler"),
]

DAY = 86_400
WATCHED = ("--hang-seconds", "60", "--grace-seconds", "20")


class WallClock:
    """The clock of all drivers that are started with it, and of what they start in turn."""

    def __init__(self, folder):
        library, self._shift = folder / "clock.so", folder / "shift"
        source = SUPPORT / "clock.c"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        self.is_off_by(0)
        self._environment = os.environ | {"LD_PRELOAD": str(library), "WALL_CLOCK": str(self._shift)}
        self._folder = folder

    def is_off_by(self, seconds):
        with self._shift.open("r+b" if self._shift.exists() else "wb") as file:  # the same file: it is mapped
            file.write(struct.pack("q", seconds))

    def python(self, code):
        return subprocess.run(
            [sys.executable, "-c", code], env=self._environment, check=True, capture_output=True, text=True
        ).stdout

    def start(self, *arguments):
        command = [sys.executable, "-c", "from mtlray.cli import main; main()", *map(str, arguments)]
        with (self._folder / "output").open("ab") as output:
            return subprocess.Popen(command, env=self._environment, stdout=output, stderr=output)

    @property
    def output(self):
        return (self._folder / "output").read_text()

    def jumps(self, driver):
        """By up to three days, forth and back, until the driver ends."""
        days = random.Random(0)
        while driver.poll() is None:
            self.is_off_by(days.randint(-3 * DAY, 3 * DAY))
            time.sleep(0.2)
        self.is_off_by(0)
        return driver.returncode


@pytest.fixture
def clock(tmp_path_factory):
    return WallClock(tmp_path_factory.mktemp("clock"))


def starts(results):
    ledger = Ledger(str(results), "small")
    return [[attempt.end for attempt in ledger.folder(name).attempts()] for name in sorted(ledger.started())]


def test_the_clock_of_a_program_is_off_and_its_other_clocks_are_not(clock):
    clock.is_off_by(DAY)
    wall, monotonic = map(float, clock.python("import time; print(time.time(), time.monotonic())").split())
    assert wall == pytest.approx(time.time() + DAY, abs=60)
    assert monotonic == pytest.approx(time.monotonic(), abs=60)


def test_a_clock_that_jumps_while_a_sweep_runs_changes_nothing(tmp_path, data, undisturbed, drivers, clock):
    arguments = ("run", SWEEP, *NARROW, *WATCHED, "--results", tmp_path, "--data", data)
    driver = clock.start(*arguments)
    wait_for(lambda: (tmp_path / "small" / "driver.json").exists())
    for seconds in (DAY, -DAY):
        clock.is_off_by(seconds)
        code, output = drivers.run(*arguments)  # with the right time
        assert code == 2, output
        assert re.search(rf"Another `mtlray` is working on this sweep \(process {driver.pid} of ", output)
    assert clock.jumps(driver) == 0, clock.output
    assert_same_results(tmp_path, undisturbed)
    assert starts(tmp_path) == [["finished"]] * N_TRIALS


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_what_a_killed_driver_left_is_taken_over_whatever_the_clock_says(
    tmp_path, data, undisturbed, drivers, clock, seconds
):
    clock.is_off_by(seconds)
    arguments = ("run", SWEEP, *NARROW, *WATCHED, "--results", tmp_path, "--data", data)
    driver = clock.start(*arguments)
    wait_for(lambda: list((tmp_path / "small" / "trials").glob("*/checkpoint-*.pt")))
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert (tmp_path / "small" / "driver.json").exists()
    code, output = drivers.run(*arguments)
    assert code == 0, output
    assert_same_results(tmp_path, undisturbed)


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
def test_a_clock_that_jumps_under_ray_kills_no_worker(tmp_path, data, undisturbed, clock):
    """Driver, workers and Ray's own processes alike."""
    narrow = [option for option in NARROW if option != "--in-process"]
    driver = clock.start(
        "run", SWEEP, *narrow, *WATCHED, "--workers", "2", "--results", tmp_path, "--data", data,
    )  # fmt: skip
    assert clock.jumps(driver) == 0, clock.output
    assert_same_results(tmp_path, undisturbed)
    assert starts(tmp_path) == [["finished"]] * N_TRIALS
