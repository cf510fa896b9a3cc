"""A real Slurm on this machine for tests: a controller and two nodes, each with its own /tmp where the system permits that.

Needs Slurm's daemons and munge (Debian: slurm-wlm). Everything lies in one folder and runs as this user; the machine's own Slurm
and munge are neither used nor touched.
"""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from places import ROOT
from ray_nodes import free_port

NEEDED = ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "munged")
NODES = ("n1", "n2")
CPUS = 2
_CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldPort={port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=1
KillWait=5
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1
PartitionName=test Nodes={nodes} Default=YES MaxTime=INFINITE State=UP
"""
_NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=4000 State=UNKNOWN\n"
# A /tmp of its own, in which the folders named first are what they are outside.
_OWN_TMP = """
mount --rbind /tmp /mnt && mount -t tmpfs tmpfs /tmp || exit 1
IFS=:
for folder in $0; do
  case $folder in /tmp/*) mkdir -p "$folder" && mount --bind "/mnt/${folder#/tmp/}" "$folder" || exit 1 ;; esac
done
exec "$@"
"""


def needs_slurm():
    """Skip the test where there is no Slurm."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if missing := [name for name in NEEDED if shutil.which(name, path=path) is None]:
        pytest.skip(f"no Slurm here: {', '.join(missing)} not found (Debian: apt-get install slurm-wlm)")


class SlurmCluster:
    """The cluster; `close` ends it with all that it started."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
        }
        self._daemons = []
        self.own_tmp = self._permitted()
        """Whether each node has a /tmp of its own, as on a cluster."""

    def start(self):
        """Start all daemons, and wait until the nodes are idle."""
        folder = self.folder
        for name in ("state", "munge"):
            (folder / name).mkdir(parents=True)
        host, user = socket.gethostname().partition(".")[0], getpass.getuser()
        nodes = "".join(_NODE.format(name=name, host=host, port=free_port(), cpus=CPUS) for name in NODES)
        (folder / "slurm.conf").write_text(
            nodes + _CONFIGURATION.format(host=host, user=user, folder=folder, port=free_port(), nodes=",".join(NODES))
        )
        key = folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = {"socket": "socket", "key-file": "key", "log-file": "log", "pid-file": "pid", "seed-file": "seed"}
        options = [f"--{option}={folder}/munge/{name}" for option, name in files.items()]
        self._start("munged", "--foreground", "--force", *options)
        self._until(lambda: (folder / "munge" / "socket").exists(), "munge's socket")
        self._start("slurmctld", "-D", "-f", folder / "slurm.conf")
        for name in NODES:
            inside = ("unshare", "-m", "sh", "-c", _OWN_TMP, f"{folder.parent}:{ROOT}") if self.own_tmp else ()
            self._start(*inside, "slurmd", "-D", "-N", name, "-f", folder / "slurm.conf")
        self._until(lambda: self.states() == dict.fromkeys(NODES, "idle"), "idle nodes", 120)

    def close(self):
        """Cancel all jobs and end the daemons."""
        with contextlib.suppress(subprocess.SubprocessError):
            self.run("scancel", "--user", getpass.getuser())
            self._until(lambda: not self.run("squeue", "--noheader").stdout, "an empty queue", 60)
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in reversed(self._daemons):
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=20)
            daemon.kill()
            daemon.wait()

    def run(self, *command, **options):
        """One of Slurm's commands, or any other that should find this cluster."""
        return subprocess.run(
            list(map(str, command)), env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            **{"timeout": 120} | options,
        )  # fmt: skip

    def submit(self, *arguments, **options):
        """The number of the job."""
        done = self.run("sbatch", "--parsable", *arguments, **options)
        assert done.returncode == 0, done.stdout
        return done.stdout.strip().splitlines()[-1]

    def states(self):
        """The state of each node."""
        lines = self.run("sinfo", "--noheader", "--Node", "--format=%N %T").stdout.splitlines()
        return dict(line.split() for line in lines if len(line.split()) == 2)

    def job(self, number):
        """What the controller knows of a job: its fields as they are written."""
        text = self.run("scontrol", "show", "job", "--oneliner", number).stdout
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def wait_for(self, number, *states, seconds=240):
        """Wait until a job is in one of the states; after a requeue it starts in seconds and not in two minutes.

        Not at once: Slurm revokes the job's credential, and does not tell it from a new one of the same second.
        """
        hastened = set()

        def reached():
            found = self.job(number)
            waits = found.get("JobState") == "PENDING" and found.get("Reason") == "BeginTime"
            if waits and "PENDING" not in states and found["Restarts"] not in hastened:
                hastened.add(found["Restarts"])
                self.run("scontrol", "update", f"JobId={number}", "StartTime=now+4")
            return found.get("JobState") in states

        self._until(reached, f"job {number} {' or '.join(states)}: {self.job(number)}", seconds)

    def _start(self, *command):
        log = (self.folder / f"{len(self._daemons)}.log").open("wb")
        with log:
            self._daemons.append(
                subprocess.Popen(list(map(str, command)), env=self.environment, stdout=log, stderr=log, cwd=self.folder)
            )

    def _permitted(self):
        """Whether this user may give a process its own /tmp."""
        command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /tmp"]
        return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0

    def _until(self, holds, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not holds():
            assert all(daemon.poll() is None for daemon in self._daemons), self._logs()
            assert time.monotonic() < deadline, f"no {what}\n{self._logs()}"
            time.sleep(0.25)

    def _logs(self):
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(self.folder.glob("*.log")))


@contextlib.contextmanager
def slurm_cluster(folder: Path):
    """A cluster for a block."""
    cluster = SlurmCluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()
