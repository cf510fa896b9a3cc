"""A job as it is submitted to a Slurm of the tests: its script, and the programs that it finds in the place of real ones."""

import json
import sys
import time
from pathlib import Path

import pytest
from places import ROOT

from mtlray.launch_scripts import Cluster, Launch, slurm
from mtlray.results.ledger import CURVE_CIRCUMSTANCES, SUMMARY_CIRCUMSTANCES, Ledger

# In the place of mtlray: a driver that stops in order when it is told to, after the time that a checkpoint takes.
DRIVER = """#!/bin/bash
me=${SLURM_ARRAY_TASK_ID:-0}
echo "$@" > "$STAGE/arguments-$me"
trap 'sleep 0.3; echo saved >> "$STAGE/checkpoint-$me"; exit 75' TERM
trap 'echo "USR1 came here" > "$STAGE/wrong"' USR1
echo "$$ ${SLURM_RESTART_COUNT:-0} $SLURMD_NODENAME" >> "$STAGE/started-$me"
while [ ! -e "$STAGE/end-$me" ]; do sleep 0.05; done
exit "$(cat "$STAGE/end-$me")"
"""
# In the place of `ray symmetric-run`: on the first node the program behind `--`, whose code it ends with; on others nothing.
RAY = """#!/bin/bash
echo "$RAY_AUTH_MODE ${#RAY_AUTH_TOKEN} $SLURM_CPUS_PER_TASK $(stat -c '%a %n' "$RAY_TMPDIR") $*" > "$STAGE/ray-$SLURM_NODEID"
while [ "$1" != -- ]; do shift; done
shift
if [ "$SLURM_NODEID" = 0 ]; then exec "$@"; fi
while [ ! -e "$STAGE/lost" ] && [ ! -e "$STAGE/over" ]; do sleep 0.05; done
[ ! -e "$STAGE/lost" ]
"""
MTLRAY = f"""#!/bin/bash
exec {sys.executable} -c 'from mtlray.cli import main; main()' "$@"
"""


def script(run_options=(), **options):
    launch = Launch(
        name="small",
        sweep=Path("my sweep.py"),
        files=(),
        command=("mtlray", "launch-script", "slurm"),
        results="results",
        cluster=Cluster(**options),
        run_options=run_options,
    )
    return slurm(launch)


class Stage:
    """A folder to submit from, and what the programs in it have left there."""

    def __init__(self, folder, cluster, programs):
        self.folder, self.cluster = folder, cluster
        tools = folder / "bin"
        tools.mkdir()
        for name, text in programs.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        self.setup = f"export PATH={tools}:$PATH STAGE={folder} PYTHONPATH={ROOT} OMP_NUM_THREADS=1"

    def submit(self, *sbatch, run_options=(), **options):
        options = {"cpus": 1, "memory_gb": 1} | options
        (self.folder / "job.sh").write_text(script(run_options, setup=self.setup, **options))
        return self.cluster.submit(*sbatch, "job.sh", cwd=self.folder)

    def end(self, code, task=0):
        (self.folder / f"end-{task}").write_text(str(code))

    def read(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def starts(self, task=0):
        return len(self.read(f"started-{task}").splitlines())

    def log(self):
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def wait(self, holds, what):
        deadline = time.monotonic() + 200
        while not holds():
            assert time.monotonic() < deadline, f"no {what}\n{self.log()}"
            time.sleep(0.1)

    def compare_with_one_driver(self, ledger, *options):
        """One driver, undisturbed, gets the same numbers."""
        command = (self.folder / "bin" / "mtlray", "run", "my sweep.py", "--yes", "--results", "alone", *options)
        environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.cluster, "environment", self.cluster.environment | environment)
            alone = self.cluster.run(*command, cwd=self.folder, timeout=600)
        assert alone.returncode == 0, alone.stdout
        assert numbers(ledger) == numbers(Ledger(str(self.folder / "alone"), "small"))


def numbers(ledger):
    """The summary and the curves without what depends on when and where trials ran."""
    summary, damaged = ledger.summary()
    assert not damaged
    tables = (
        (summary, SUMMARY_CIRCUMSTANCES),
        *((ledger.curves(dataset), CURVE_CIRCUMSTANCES) for dataset in ledger.datasets()),
    )
    rows = [row for table, circumstances in tables for row in table.drop_columns([*circumstances]).to_pylist()]
    return sorted(json.dumps(row, sort_keys=True) for row in rows)
