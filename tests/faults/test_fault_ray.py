"""Faults of workers and nodes under Ray: each failure has its end and its number of starts (F1, F4, F12, F13, F14)."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from faultlib import FAULTY, SWEEP, assert_same_results, wait_for
from places import SUPPORT

from mtlray.planning.wording import name
from mtlray.results.ledger import Ledger
from mtlray.running.policy import INCOMPLETE, REQUEUE
from mtlray.specs.sweepfile import load_sweep

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(900)]

ENDS = {
    ("none", True): ("done", ["finished"]),
    ("slow", True): ("done", ["finished"]),
    ("kill", True): ("done", ["worker lost", "finished"]),
    ("hang", True): ("done", ["hung", "finished"]),
    ("memory", True): ("done", ["out of memory", "finished"]),
    ("io", True): ("done", ["error that may pass", "finished"]),
    ("kill", False): ("failed", ["worker lost"] * 3),
    ("memory", False): ("failed", ["out of memory", "finished"]),
    ("bug", False): ("failed", ["finished"]),
    ("import", False): ("failed", ["finished"]),
    ("assertion", False): ("failed", ["finished"]),
    ("nan", False): ("diverged", ["finished"]),
}


def mtlray(*arguments, **env):
    command = [sys.executable, "-c", "from mtlray.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=800, env=os.environ | env)


def test_every_kind_of_failure_has_its_policy(tmp_path, data):
    marks = tmp_path / "marks"
    marks.mkdir()
    results = tmp_path / "results"
    sweep, _ = load_sweep(FAULTY)
    chosen = [t for t in sweep.trials() if (t.strategy.fault, t.strategy.once) in ENDS]
    labels = ",".join(trial.strategy.label for trial in chosen)
    arguments = ("run", FAULTY, "--strategies", labels, "--yes", "--results", results, "--data", data)
    done = mtlray(*arguments, "--workers", 2, "--hang-seconds", 90, FAULTS=str(marks))
    assert done.returncode == 1, done.stdout + done.stderr
    (lost,) = [trial for trial in chosen if (trial.strategy.fault, trial.strategy.once) == ("kill", True)]
    assert done.stdout.count(f"starts again: {name(lost)}: its worker was lost\n") == 1, done.stdout
    (error,) = [trial for trial in chosen if (trial.strategy.fault, trial.strategy.once) == ("io", True)]
    assert f"starts again: {name(error)}: OSError(5, 'Input/output error')\n" in done.stdout, done.stdout
    assert "(raylet)" not in done.stdout + done.stderr
    ledger = Ledger(str(results), "faulty")
    records, _ = ledger.records()
    found = {
        (t.strategy.fault, t.strategy.once): (
            records[t.trial_id].state,
            [attempt.end for attempt in ledger.folder(t.trial_id).attempts()],
        )
        for t in chosen
    }
    assert found == ENDS
    for record in records.values():
        if record.state == "failed":
            log = re.search(r"\(log: ([^)]*)\)", record.error)
            assert log is None or Path(log[1]).is_file(), record.error
    again = mtlray(*arguments, FAULTS=str(marks))
    assert again.returncode == 1
    assert "nothing to run" in again.stdout


def test_a_node_that_is_lost_costs_no_trial(tmp_path, data, undisturbed, drivers):
    """Two nodes of a test cluster, one of which is removed while it trains; the other one finishes the sweep."""
    script = SUPPORT / "lost_node.py"
    done = subprocess.run(
        [sys.executable, script, SWEEP, tmp_path, data], capture_output=True, text=True, timeout=800, env=os.environ
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the node is gone" in done.stdout
    code, output = drivers.run(
        "run", SWEEP, "--in-process", "--yes", "--results", tmp_path / "alone", "--data", data, "--steps", "1500"
    )
    assert code == 0, output
    assert_same_results(tmp_path, tmp_path / "alone")
    logs = [log.read_text() for log in (tmp_path / "small" / "trials").glob("*/attempt-2.log")]
    assert any(int(step) > 0 for log in logs for step in re.findall(r"training from step (\d+)", log))


@pytest.mark.parametrize("every", ["12000", "500"], ids=["while trials train", "before they start"])
def test_memory_that_others_use_costs_no_trial(tmp_path, data, drivers, every):
    """Ray's memory monitor is told that next to nothing may be used, as if other programs had the rest."""
    results, narrow = tmp_path / "R", ("--seeds", "0:1", "--strategies", "dwa,loss_share", "--steps", "3000")
    arguments = ("run", SWEEP, *narrow, "--yes", "--results", results, "--data", data)
    low = {"RAY_memory_usage_threshold": "0.02", "RAY_memory_monitor_refresh_ms": every}
    driver = drivers.start(*arguments, "--workers", "2", **low)
    wait_for(lambda: "Trying again in" in driver.output, seconds=600)
    driver.kill(signal.SIGINT)
    assert driver.wait() == INCOMPLETE, driver.output
    assert "Ray's memory monitor killed" in driver.output
    ledger = Ledger(str(results), "small")
    assert ledger.records() == ({}, [])
    code, output = drivers.run(*arguments, "--in-process")
    assert code == 0, output
    ends = {attempt.end for trial_id in ledger.started() for attempt in ledger.folder(trial_id).attempts()}
    assert ends <= {"finished", "interrupted"}, "no start counts against a trial"


EAGER = """
from dataclasses import dataclass
from typing import ClassVar

from mtlray import SGD, Equal, LeNet, MultiMNIST, SweepSpec, TrialSpec


@dataclass(frozen=True)
class Eager(Equal):
    key: ClassVar[str] = "eager"

    def init(self, tasks, seeds):
        import mtlray.training.loop

        mtlray.training.loop._PROGRESS_EVERY = 0.0
        return super().init(tasks, seeds)


base = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", val_digits=200), model=LeNet(), strategy=Eager(), optimizer=SGD(lr=0.01),
    steps=100_000, batch_size=2, evaluate_every=100_000,
)
SWEEP = SweepSpec(name="eager", question="", base=base, strategies=[Eager()], fractions=[1.0], seeds=range(4))
"""


def test_sigterm_without_grace_stores_no_failure(tmp_path, data):
    """Tune then ends each running trial by sys.exit within its report, in which these trials are nearly always."""
    results, sweep = tmp_path / "results", tmp_path / "eager.py"
    sweep.write_text(EAGER)
    arguments = ("run", sweep, "--yes", "--workers", "2", "--grace-seconds", "0", "--checkpoint-seconds", "0.5")
    arguments = (*arguments, "--results", results, "--data", data)
    command = [sys.executable, "-c", "from mtlray.cli import main; main()", *map(str, arguments)]
    with (tmp_path / "output").open("wb") as output:
        driver = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_for(lambda: len(list((results / "eager" / "trials").glob("*/checkpoint-*.pt"))) > 1)
            driver.send_signal(signal.SIGTERM)
            assert driver.wait(timeout=60) == REQUEUE, (tmp_path / "output").read_text()
        finally:
            driver.kill()
    ledger = Ledger(str(results), "eager")
    assert ledger.records() == ({}, [])
    ends = {attempt.end for trial_id in ledger.started() for attempt in ledger.folder(trial_id).attempts()}
    assert ends <= {"", "interrupted"}, "with or without the time to say so"
