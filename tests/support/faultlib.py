"""What the fault tests share: drivers that start at once, a sweep of a few seconds, and how results are compared."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
from places import SMALL, SUPPORT

from mtlray.results.ledger import CURVE_CIRCUMSTANCES, SUMMARY_CIRCUMSTANCES, Ledger

SWEEP = SMALL
FAULTY = SUPPORT / "sweep_faulty.py"
# Four trials of about a second each.
NARROW = ("--seeds", "0:1", "--steps", "120", "--in-process", "--yes", "--checkpoint-seconds", "0.05")
N_TRIALS = 4

# How often what is random or repeated is tried: MTLRAY_FAULTS=100 for a night.
ROUNDS = int(os.environ.get("MTLRAY_FAULTS", "5"))


class Running:
    """A driver at work."""

    def __init__(self, server, pid, output):
        self._server, self.pid, self._output = server, pid, output

    def kill(self, number=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself a moment ago
            os.kill(self.pid, number)

    def wait(self):
        """The exit code, minus the signal that killed it."""
        return int(self._server.stdout.readline())

    @property
    def output(self):
        return self._output.read_text(errors="replace")


class Drivers:
    """Starts drivers, one after the other."""

    def __init__(self, folder):
        self._folder, self._n = folder, 0
        self._server = subprocess.Popen(
            [sys.executable, SUPPORT / "server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self._server.stdout.readline() == "ready\n"

    def start(self, *args, file_bytes=None, **env):
        self._n += 1
        output = self._folder / f"output-{self._n}"
        request = {"args": [*map(str, args)], "env": env, "output": str(output), "file_bytes": file_bytes}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return Running(self._server, int(self._server.stdout.readline()), output)

    def run(self, *args, **options):
        """Exit code and output of a command."""
        running = self.start(*args, **options)
        return running.wait(), running.output

    def close(self):
        self._server.stdin.close()
        self._server.wait(timeout=30)
        self._server.stdout.close()


def results_of(folder, sweep="small"):
    """Curves and summary in a fixed order, without what depends on when and where a trial ran."""
    ledger = Ledger(str(folder), sweep)
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
    """Bit by bit, and each row once."""
    for mine, theirs in zip(results_of(one), results_of(other), strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


def shards(folder, sweep="small"):
    """The finished trials' files, with what changes when one is written again."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / sweep / "summary").glob("*.parquet")}


def tree(folder):
    """Every file below a folder with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
