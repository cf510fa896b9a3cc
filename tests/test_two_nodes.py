"""Two Ray nodes, each its own `ray start`: one is lost while its trial runs, and the sweep ends as if undisturbed."""

import contextlib
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


def ip(*arguments):
    return subprocess.run(["ip", *map(str, arguments)], capture_output=True, text=True, check=True)


class Cable:
    """Two network namespaces with a cable between them: each node sees the other one, and nothing else."""

    def __init__(self):
        self.names = [f"mtlray-{end}-{os.getpid()}" for end in "ab"]
        self.addresses = ["10.203.77.1", "10.203.77.2"]
        ends = [f"mr{end}{os.getpid()}" for end in "ab"]
        for name in self.names:
            ip("netns", "add", name)
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for name, end, address in zip(self.names, ends, self.addresses, strict=True):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "address", "add", f"{address}/24", "dev", end)
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", end, "up")
        self._end = ends[0]

    def within(self, node):
        """The words before a command that runs on the first or the second node."""
        return ("ip", "netns", "exec", self.names[node])

    def cut(self):
        ip("-n", self.names[0], "link", "set", self._end, "down")

    def remove(self):
        for name in self.names:
            with contextlib.suppress(subprocess.CalledProcessError):
                ip("netns", "delete", name)


class Bench:
    """Both nodes in this machine's own network, where namespaces are not permitted."""

    addresses = ("127.0.0.1", "127.0.0.1")

    def within(self, node):
        return ()

    def remove(self):
        pass


def cable():
    """None where this user may not make one."""
    try:
        return Cable()
    except (OSError, subprocess.CalledProcessError):
        return None


class Nodes:
    """A head and one more node on this machine, with a token, folders and, where permitted, networks of their own."""

    def __init__(self, network):
        # The paths of Ray's sockets must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="m2n", dir="/tmp"))
        self.network = network
        self.address = f"{network.addresses[0]}:{free_port()}"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("RAY_")},
            "RAY_TMPDIR": str(self.folder),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "a" * 64,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_memory_monitor_refresh_ms": "0",
            "RAY_health_check_period_ms": "1000",  # a node that is cut off is given up after seconds and not minutes
            "RAY_health_check_timeout_ms": "5000",
            "RAY_health_check_failure_threshold": "3",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        port = self.address.rpartition(":")[2]
        head = ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={self.folder}/ray")
        self.head = self._start(0, *head)
        self._wait_for_head(port)
        self.other = self._start(1, f"--address={self.address}")

    def _wait_for_head(self, port):
        """Somebody listens there, seen from where the head is."""
        probe = f"import socket; socket.create_connection(('{self.network.addresses[0]}', {port}), timeout=1)"
        deadline = time.monotonic() + 90
        while subprocess.run([*self.network.within(0), sys.executable, "-c", probe], capture_output=True).returncode:
            assert time.monotonic() < deadline, "no head"
            time.sleep(0.2)

    def _start(self, node, *options):
        command = [
            *self.network.within(node),
            str(Path(sys.executable).with_name("ray")),
            "start",
            "--block",
            "--num-cpus=1",
            "--num-gpus=0",
            f"--node-ip-address={self.network.addresses[node]}",
            *options,
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, env=self.environment, start_new_session=True, **quiet)

    def stop(self):
        for node in (self.other, self.head):
            kill(node)
        self.network.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(params=["killed", "cut off"])
def nodes(request):
    network = cable()
    if network is None and request.param == "cut off":
        pytest.skip("may not make network namespaces here")
    made = Nodes(network or Bench())
    made.fate = request.param
    yield made
    made.stop()


def mtlray(*arguments, environment, within=()):
    command = [*within, sys.executable, "-c", "from mtlray.cli import main; main()", *map(str, arguments)]
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


def test_a_node_that_is_lost_costs_nothing_but_time(nodes, tmp_path):
    """Killed; or cut off from the network while its processes go on and still see the disk with the results."""
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
        environment=nodes.environment, within=nodes.network.within(0),
    )  # fmt: skip
    trials = tmp_path / "there" / "small" / "trials"
    deadline = time.monotonic() + 240
    while not (lost := trials_on(nodes.other, trials)):
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < deadline, "the other node never ran a trial"
        time.sleep(0.05)
    if nodes.fate == "killed":
        kill(nodes.other)
    else:
        nodes.network.cut()
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
