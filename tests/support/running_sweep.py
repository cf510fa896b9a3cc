"""A sweep that seems to run: some trials done, one failed, one diverged, two running, and a driver that holds the folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from fabricated import TASKS, Sweep

from mtlray.results.driver_lock import DriverLock
from mtlray.results.schema import curves_schema
from mtlray.results.trial_folder import LiveCurve

STRATEGIES = {"stl:left": ("left",), "equal": TASKS, "dwa": TASKS, "uncertainty": TASKS}
STEPS = 2000
REASON = "RuntimeError: " + "a reason of many words, " * 60 + "the end"


class RunningSweep(Sweep):
    """8 trials: 3 done, 1 failed, 1 diverged, 2 of which one has a checkpoint running, 1 waiting."""

    def __init__(self, results: Path) -> None:
        super().__init__(results, "lively", published=None)
        self.trials = [
            self.plan(strategy, tasks, seed=seed, write=False)
            for strategy, tasks in STRATEGIES.items()
            for seed in range(2)
        ]
        self.ledger.write_sweep(self.description)
        for trial in self.trials[:3]:
            self.complete(trial)
        self.finish(self.trials[3], dict.fromkeys(TASKS), state="failed", error=REASON)
        ended = {"state": "diverged", "error": "non-finite loss at step 300"}
        self.commit_with(self.trials[4], 2, ended)
        self.folder_of(5).begin("launch", "node-1", 1)
        self.folder_of(5).begin("launch", "node-2", 2)
        self.folder_of(6).begin("launch", "node-3", 3)
        self.stands(5, 500)

    def folder_of(self, i: int) -> Any:
        return self.ledger.folder(self.trials[i]["trial_id"])

    def stands(self, i: int, step: int) -> None:
        """A running trial saves its curve at a step."""
        rows = pa.Table.from_pylist(self.curve(self.trials[i], step // 100), schema=_SCHEMA)
        self.folder_of(i).write_curve(LiveCurve(step, STEPS, 1.0, rows))

    def complete(self, trial: dict[str, Any]) -> None:
        """A trial ends well."""
        self.commit_with(trial, 20, {})

    def commit_with(self, trial: dict[str, Any], n: int, about: dict[str, Any]) -> None:
        self.finish(trial, dict.fromkeys(trial["tasks"], 90.0), curve_rows=self.curve(trial, n), **about)

    @staticmethod
    def curve(trial: dict[str, Any], n: int) -> list[dict[str, Any]]:
        """At step 100·e the validation score is 1 - 1/(e + 1), and each task's test accuracy is 100 times that."""
        label = {key: trial[key] for key in ("trial_id", "strategy", "fraction", "seed")}
        return [
            {**label, "step": 100 * e, "epoch": float(e), "val/score": 1 - 1 / (e + 1)}
            | {f"test/{task}/accuracy": 100 - 100 / (e + 1) for task in trial["tasks"]}
            for e in range(1, n + 1)
        ]

    @contextlib.contextmanager
    def at_work(self) -> Iterator[DriverLock]:
        """While a driver holds the folder and says that two trials run."""
        with DriverLock(self.ledger.store, beat_seconds=1000) as lock:
            lock.note_running([self.trials[i]["trial_id"] for i in (5, 6)])
            yield lock


_SCHEMA = curves_schema([(task, ["accuracy"]) for task in TASKS])
