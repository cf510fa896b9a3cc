"""Ray nodes for tests, each its own `ray start` on this machine, where permitted each in a network namespace."""

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

from places import ROOT


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

    def __init__(self, network, head_cpus=1):
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
        self.head = self._start(0, f"--num-cpus={head_cpus}", *head)
        self._wait_for_head(port)
        self.other = None

    def join(self, *before, **environment):
        """Start the other node; `before` are the words before its command.

        It has a folder of its own, as on a machine of its own: in a common one its Ray unpacks what travels to the nodes a second
        time, and removes the first under the processes that stand in it.
        """
        own = f"--temp-dir={self.folder}/other"
        self.other = self._start(1, "--num-cpus=1", f"--address={self.address}", own, before=before, **environment)

    def _wait_for_head(self, port):
        """Somebody listens there, seen from where the head is."""
        probe = f"import socket; socket.create_connection(('{self.network.addresses[0]}', {port}), timeout=1)"
        deadline = time.monotonic() + 90
        while subprocess.run([*self.network.within(0), sys.executable, "-c", probe], capture_output=True).returncode:
            assert time.monotonic() < deadline, "no head"
            time.sleep(0.2)

    def _start(self, node, *options, before=(), **environment):
        command = [
            *before,
            *self.network.within(node),
            str(Path(sys.executable).with_name("ray")),
            "start",
            "--block",
            "--num-gpus=0",
            f"--node-ip-address={self.network.addresses[node]}",
            *options,
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, env=self.environment | environment, start_new_session=True, **quiet)

    def stop(self):
        for node in filter(None, (self.other, self.head)):
            kill(node)
        self.network.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def mtlray(*arguments, environment, within=()):
    command = [*within, sys.executable, "-c", "from mtlray.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
