"""Two Ray nodes, each its own `ray start`: one is killed while its trial runs, and the sweep ends as if undisturbed."""

import importlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from mtlray.records import Ledger

ROOT = Path(__file__).parents[1]
SMALL = ROOT / "tests" / "sweep_small.py"
NARROW = ("--seeds", "0:1", "--strategies", "dwa,uncertainty,loss_share", "--checkpoint-seconds", "0.1")

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(600)]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def family(process):
    """A process and all that came from it."""
    importlib.import_module("ray")  # brings its own psutil
    psutil = importlib.import_module("psutil")
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(process):
    for member in family(process):
        member.kill()
    process.wait()


class Nodes:
    """A head and one more node on this machine, with ports, a token and folders of their own."""

    def __init__(self):
        # The paths of Ray's sockets must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="m2n", dir="/tmp"))
        self.address = f"127.0.0.1:{free_port()}"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("RAY_")},
            "RAY_TMPDIR": str(self.folder),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "a" * 64,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_memory_monitor_refresh_ms": "0",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        port = self.address.rpartition(":")[2]
        head = ("--head", f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false")
        self.head = self._start(*head, f"--temp-dir={self.folder}/ray")
        deadline = time.monotonic() + 90
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(port)), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "no head"
                time.sleep(0.2)
        self.other = self._start(f"--address={self.address}")

    def _start(self, *options):
        command = [
            str(Path(sys.executable).with_name("ray")),
            "start",
            "--block",
            "--num-cpus=1",
            "--num-gpus=0",
            *options,
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, env=self.environment, start_new_session=True, **quiet)

    def stop(self):
        for node in (self.other, self.head):
            kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def nodes():
    made = Nodes()
    yield made
    made.stop()


def mtlray(*arguments, environment):
    command = [sys.executable, "-c", "from mtlray.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def trials_on(node, trials):
    """The trials with a checkpoint whose last attempt runs in a process of a node."""
    pids = {member.pid for member in family(node)}
    found = []
    for checkpoint in trials.glob("*/checkpoint-*.pt"):
        logs = sorted(checkpoint.parent.glob("attempt-*.log"))
        text = logs[-1].read_text() if logs else ""
        if any(f"process {pid}\n" in text for pid in pids):
            found.append(checkpoint.parent.name)
    return found


def values(folder):
    columns = ["trial_id", "task", "metric", "last", "best_val", "best_test_step", "steps", "state"]
    rows = Ledger(str(folder), "small").summary()[0].select(columns).to_pylist()
    return sorted(rows, key=lambda row: (row["trial_id"], row["task"], row["metric"]))


def test_a_node_that_dies_costs_nothing_but_time(nodes, tmp_path):
    # The sweep's strategy takes its step from a module beside the file, imported on the worker when it is first used.
    sweep = tmp_path / "sweeps" / "mine.py"
    sweep.parent.mkdir()
    body = "mean = self.decay * state.buffers"
    assert body in SMALL.read_text()
    sweep.write_text(
        SMALL.read_text().replace(body, f"import beside_it\n        assert beside_it.HERE\n        {body}")
    )
    (sweep.parent / "beside_it.py").write_text("HERE = True\n")
    common = (*NARROW, "--data", tmp_path / "data", "--yes")
    driver = mtlray(
        "run", sweep, *common, "--results", tmp_path / "there", "--address", nodes.address, "--wait-seconds", "60",
        environment=nodes.environment,
    )  # fmt: skip
    trials = tmp_path / "there" / "small" / "trials"
    deadline = time.monotonic() + 240
    while not (lost := trials_on(nodes.other, trials)):
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < deadline, "the other node never ran a trial"
        time.sleep(0.05)
    kill(nodes.other)
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    again = [(trials / trial_id / "attempt-2.log").read_text() for trial_id in lost]
    assert all("training from step" in text and "training from step 0" not in text for text in again)
    alone = mtlray(
        "run", sweep, *common, "--results", tmp_path / "here", "--in-process",
        environment={**nodes.environment, "PYTHONPATH": f"{ROOT}:{sweep.parent}"},
    )  # fmt: skip
    output, _ = alone.communicate(timeout=300)
    assert alone.returncode == 0, output
    assert values(tmp_path / "there") == values(tmp_path / "here")
