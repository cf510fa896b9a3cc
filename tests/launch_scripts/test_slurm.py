"""The Slurm scripts, really executed by bash: Slurm's commands are played by small programs on PATH, its clock by signals."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from places import ROOT, SMALL

from mtlray.launch_scripts import Cluster, Launch, slurm

# A driver that stops in order when it is told to, after the time that a checkpoint takes; and one that does not listen yet.
DRIVER = """#!/bin/bash
echo "$@" > "$STAGE/arguments"
if [ -e "$STAGE/deaf" ]; then echo $$ > "$STAGE/started"; while :; do sleep 0.05; done; fi
trap 'sleep 0.3; echo saved > "$STAGE/checkpoint"; exit 75' TERM
trap 'echo "USR1 came here" > "$STAGE/wrong"' USR1
echo $$ > "$STAGE/started"
i=0
while [ "$i" -lt "$(cat "$STAGE/length")" ]; do sleep 0.05; i=$((i + 1)); done
exit "$(cat "$STAGE/code")"
"""
# srun starts a program with signals as they are, on the first node; a signal to it ends the job's step at once.
SRUN = """#!/bin/bash
echo "$@" > "$STAGE/srun"
while [ "${1#-}" != "$1" ]; do shift; done
exec "$@"
"""
# `ray symmetric-run` on the head: the program behind `--` as a child, whose exit code is passed on. A signal ends it.
RAY = """#!/bin/bash
echo "$RAY_AUTH_MODE ${#RAY_AUTH_TOKEN} $*" > "$STAGE/ray"
stat -c '%a %n' "$RAY_TMPDIR" > "$STAGE/folder"
while [ "$1" != -- ]; do shift; done
shift
"$@"
code=$?
exit "$code"
"""
SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then printf 'node-a\\nnode-b\\n'; else echo "$@" >> "$STAGE/scontrol"; fi
[ ! -e "$STAGE/no-scontrol" ]
"""


class Stage:
    """A job's surroundings on a compute node."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        tools = folder / "bin"
        tools.mkdir()
        for name, text in {"mtlray": DRIVER, "srun": SRUN, "ray": RAY, "scontrol": SCONTROL}.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "RAY", "MTLRAY"))},
            "PATH": f"{tools}:{os.environ['PATH']}",
            "STAGE": str(folder),
            "USER": "somebody",
            "SLURM_JOB_ID": str(os.getpid()),
            "SLURM_JOB_NODELIST": "node-[a-b]",
            "SLURM_JOB_NUM_NODES": "2",
            "SLURM_CPUS_PER_TASK": "2",
            "SLURM_GPUS_ON_NODE": "4",
            "SLURM_SUBMIT_DIR": str(folder),
        }
        self.set(length=1, code=0)

    def set(self, **values):
        for name, value in values.items():
            (self.folder / name).write_text(str(value))

    def read(self, name):
        path = self.folder / name
        return path.read_text().strip() if path.exists() else None

    def start(self, **options):
        script = self.folder / "job.sh"
        launch = Launch(
            name="small",
            sweep=Path("my sweep.py"),
            files=(),
            command=("mtlray", "launch-script", "slurm"),
            results="results",
            cluster=Cluster(**options),
        )
        script.write_text(slurm(launch))
        return subprocess.Popen(
            ["bash", script], env=self.environment, start_new_session=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def wait_for(self, name):
        deadline = time.monotonic() + 20
        while self.read(name) is None:
            assert time.monotonic() < deadline, f"no {name}"
            time.sleep(0.02)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    return Stage(tmp_path, monkeypatch)


NODES = pytest.mark.parametrize("options", [{"nodes": 1}, {"nodes": 2, "gpus": 4}], ids=["one node", "two nodes"])


@NODES
@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_exit_code_of_the_driver_is_that_of_the_job(stage, options, code):
    stage.set(code=code)
    job = stage.start(**options)
    output, _ = job.communicate(timeout=20)
    assert job.returncode == code, output
    assert stage.read("scontrol") is None
    assert stage.read("arguments").startswith("run my sweep.py --yes --results results --data /")


@NODES
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_warning_before_the_time_limit_saves_and_requeues(stage, options, number):
    stage.set(length=1000)
    job = stage.start(**options)
    stage.wait_for("started")
    os.kill(job.pid, number)  # --signal=B: the script alone
    output, _ = job.communicate(timeout=20)
    assert job.returncode == 75, output
    assert stage.read("checkpoint") == "saved"
    assert stage.read("scontrol") == f"requeue {os.getpid()}"
    assert stage.read("wrong") is None


@NODES
def test_signals_that_come_twice_change_nothing(stage, options):
    stage.set(length=1000)
    job = stage.start(**options)
    stage.wait_for("started")
    for _ in range(3):
        os.kill(job.pid, signal.SIGUSR1)
        time.sleep(0.05)
    output, _ = job.communicate(timeout=20)
    assert job.returncode == 75, output
    assert stage.read("scontrol") == f"requeue {os.getpid()}"


def test_a_driver_that_was_only_starting_is_requeued_too(stage):
    stage.set(deaf="")
    job = stage.start()
    stage.wait_for("started")
    os.kill(job.pid, signal.SIGUSR1)
    output, _ = job.communicate(timeout=20)
    assert job.returncode == 128 + signal.SIGTERM, output
    assert stage.read("scontrol") == f"requeue {os.getpid()}"


def test_a_driver_that_dies_by_itself_is_not_requeued(stage):
    stage.set(deaf="")
    job = stage.start()
    stage.wait_for("started")
    os.kill(int(stage.read("started")), signal.SIGKILL)
    job.communicate(timeout=20)
    assert job.returncode == 128 + signal.SIGKILL
    assert stage.read("scontrol") is None


def test_requeuing_has_an_end_and_a_site_may_not_have_it(stage):
    stage.set(code=75)
    stage.environment["SLURM_RESTART_COUNT"] = "100"
    output, _ = stage.start().communicate(timeout=20)
    assert "Requeued 100 times already; submit this script again to continue." in output
    assert stage.read("scontrol") is None
    del stage.environment["SLURM_RESTART_COUNT"]
    stage.set(**{"no-scontrol": ""})
    output, _ = stage.start().communicate(timeout=20)
    assert "Could not requeue this job; submit this script again to continue." in output


def test_what_several_nodes_are_told(stage):
    stage.start(nodes=2, gpus=4).communicate(timeout=20)
    port = 20000 + os.getpid() % 10000
    mode, length, arguments = stage.read("ray").split(" ", 2)
    assert (mode, length) == ("token", "64")
    assert arguments.startswith(
        f"symmetric-run --address node-a:{port} --min-nodes 2 --num-cpus=2 --num-gpus=4 -- bash -c"
    )
    assert stage.read("srun").startswith("--kill-on-bad-exit=1 bash -c mkdir")
    assert f"--address node-a:{port} --grace-seconds 120" in stage.read("arguments")


def test_the_folder_of_several_nodes_is_private_and_no_name_that_can_be_foreseen(stage):
    names = []
    for _ in range(2):
        stage.start(nodes=2).communicate(timeout=20)
        mode, name = stage.read("folder").split()
        assert mode == "700"
        assert not Path(name).exists()
        names.append(name)
    assert names[0] != names[1]
    assert re.fullmatch("/tmp/r[0-9a-f]{16}", names[0])


def test_data_is_never_in_a_folder_that_all_share(stage):
    for environment, folder in (
        ({"SLURM_TMPDIR": "/local/job"}, "/local/job"),
        ({"HOME": "/home/me"}, "/home/me/.cache"),
    ):
        stage.environment.pop("SLURM_TMPDIR", None)
        stage.environment |= environment
        stage.start().communicate(timeout=20)
        assert f" --data {folder}/mtlray " in stage.read("arguments")


MTLRAY = f"""#!/bin/bash
exec {sys.executable} -c 'from mtlray.cli import main; main()' "$@"
"""
# sbatch --wait: the job's slots, one after the other. What ends each is in $STAGE/slots: `warned` before the time limit, `taken`
# by another job (SIGTERM, and SIGKILL for all after the grace period), or `left` alone. Slurm itself queues what was taken again.
SBATCH = f"""#!{sys.executable}
import glob, os, re, signal, subprocess, sys, time

stage, script = os.environ["STAGE"], sys.argv[-1]
assert sys.argv[1:-1] == ["--wait"], sys.argv
options = dict(re.findall(r"^#SBATCH --([a-z-]+)=?(.*)$", open(script).read(), re.MULTILINE))
assert options["signal"] == "B:USR1@300" and "requeue" in options and options["open-mode"] == "append", options
assert re.fullmatch(r"\\d\\d:\\d\\d:00", options["time"]), options
output = options["output"].replace("%x", options["job-name"]).replace("%j", os.environ["SLURM_JOB_ID"])

def started(n):
    return any("training from step" in open(log).read() for log in glob.glob(stage + f"/results/*/trials/*/attempt-{{n}}.log"))

for slot, fate in enumerate(open(stage + "/slots").read().split()):
    count = {{"SLURM_RESTART_COUNT": str(slot)}} if slot else {{}}
    with open(output, "ab") as log:
        job = subprocess.Popen(["bash", script], env=os.environ | count, start_new_session=True, stdout=log, stderr=log)
    while fate != "left" and job.poll() is None:
        time.sleep(0.02)
        if started(slot + 1) and glob.glob(stage + "/results/*/trials/*/checkpoint*.pt"):
            break
    if fate == "warned":
        os.kill(job.pid, signal.SIGUSR1)
    elif fate == "taken":
        os.killpg(job.pid, signal.SIGTERM)
        time.sleep(0.5)  # too short to end in order
        os.killpg(job.pid, signal.SIGKILL)
    code = job.wait(timeout=200)
    asked = open(stage + "/scontrol").read().count("requeue") if os.path.exists(stage + "/scontrol") else 0
    print(fate, code, asked, flush=True)
    if fate == "left" or (fate == "warned" and asked == 0):
        sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(600)
def test_a_real_sweep_goes_on_from_slot_to_slot(stage, tmp_path):
    """Warned in its first slot, killed in its second, left alone in its third, where it ends as if undisturbed."""
    from mtlray.results.ledger import Ledger

    for name, text in {"mtlray": MTLRAY, "sbatch": SBATCH}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "my sweep.py").write_text(SMALL.read_text())
    stage.environment |= {"PYTHONPATH": str(ROOT), "SLURM_TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    stage.set(slots="warned taken left")
    options = ("--checkpoint-seconds", "0.1", "--seeds", "0:1", "--strategies", "dwa,loss_share", "--steps", "600")

    def run(*command):
        return subprocess.run(
            command, cwd=tmp_path, env=stage.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    script = run("mtlray", "launch-script", "slurm", "my sweep.py", "--", *options)
    assert script.returncode == 0, script.stdout
    (tmp_path / "job.sh").write_text(script.stdout)
    job = run("sbatch", "--wait", "job.sh")
    (log,) = tmp_path.glob("small-*.log")
    assert job.returncode == 0, job.stdout + log.read_text()
    assert job.stdout.splitlines() == ["warned 75 1", "taken -9 1", "left 0 1"]
    assert "SIGTERM: running trials save a checkpoint" in log.read_text()
    ledger = Ledger(str(tmp_path / "results"), "small")
    records, damaged = ledger.records()
    assert not damaged
    assert [record.state for record in records.values()] == ["done", "done"]
    alone = run("mtlray", "run", "my sweep.py", "--in-process", "--results", "alone", "--data", "data", *options)
    assert alone.returncode == 0, alone.stdout
    assert values(ledger) == values(Ledger(str(tmp_path / "alone"), "small"))


def values(ledger):
    """The numbers of a summary, without what depends on when and where trials ran."""
    table = ledger.summary()[0].select(["trial_id", "task", "metric", "last", "best_val", "best_test_step", "steps"])
    return sorted(table.to_pylist(), key=lambda row: (row["trial_id"], row["task"], row["metric"]))
