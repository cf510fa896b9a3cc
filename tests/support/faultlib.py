"""What the fault tests share: drivers that start at once, a sweep of a few seconds, and how results are compared."""

import contextlib
import json
import os
import signal
import socket
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
    """A driver at work. `pipe` is its own, on which nothing is said about any other."""

    def __init__(self, pipe, output):
        self._pipe, self._output = pipe, output
        self.pid = int(self._pipe.readline())
        self._code = None

    def kill(self, number=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself a moment ago
            os.kill(self.pid, number)

    def wait(self):
        """The exit code, minus the signal that killed it."""
        if self._code is None:
            self._code = int(self._pipe.readline())
            self._pipe.close()
        return self._code

    def end(self):
        """Kill it if it still runs, as after a test that ran out of time."""
        if self._code is None:
            self.kill(signal.SIGCONT)
            self.kill()
            self.wait()

    @property
    def output(self):
        """What it has written so far."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""


class Server:
    """A process that has imported everything, for drivers of any number of tests."""

    def __init__(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, SUPPORT / "server.py", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        assert self._requests.recv(100) == b"ready"

    def start(self, request):
        """The reading end of the command's own pipe."""
        reading, writing = os.pipe()
        socket.send_fds(self._requests, [json.dumps(request).encode()], [writing])
        os.close(writing)
        return os.fdopen(reading)

    def close(self):
        self._requests.close()
        self._process.wait(timeout=30)


class Drivers:
    """The drivers of one test."""

    def __init__(self, server, folder):
        self._server, self._folder = server, folder
        self._started = []

    def start(self, *args, file_bytes=None, **env):
        output = self._folder / f"output-{len(self._started) + 1}"
        request = {"args": [*map(str, args)], "env": env, "output": str(output), "file_bytes": file_bytes}
        running = Running(self._server.start(request), output)
        self._started.append(running)
        return running

    def run(self, *args, **options):
        """Exit code and output of a command."""
        running = self.start(*args, **options)
        return running.wait(), running.output

    def end(self):
        for running in self._started:
            running.end()


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
