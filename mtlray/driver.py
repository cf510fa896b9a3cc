"""A sweep and its results folder together: what the command line does with them."""

import contextlib
import fcntl
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from mtlray.errors import LaunchError, MtlrayError, ResultsError
from mtlray.execution import Job
from mtlray.plan_text import cores, plan_text, several
from mtlray.planning import Plan, packs, plan, refuse_other_data
from mtlray.progress import Display
from mtlray.provenance import commit_of, versions
from mtlray.records import Ledger, TrialRecord
from mtlray.specs import RunConfig, SweepSpec, TrialSpec

# Exit codes, all from the ledger: complete, failed trials, interrupted or incomplete. (2 is a usage error.)
COMPLETE, FAILED, INCOMPLETE = 0, 1, 3


class Sweep:
    """A resolved sweep, the module it was loaded from, and its ledger; `narrowed` on the command line or whole."""

    def __init__(
        self, spec: SweepSpec, module: ModuleType | None, path: Path, results: str, *, narrowed: bool = False
    ) -> None:
        self.spec = spec
        self.narrowed = narrowed
        self.module = module
        self.path = path
        self.results = results if "://" in results else str(Path(results).expanduser().absolute())
        self.trials: tuple[TrialSpec, ...] = spec.trials()
        self.ledger = Ledger(self.results, spec.name)

    @property
    def folder(self) -> str:
        """The sweep's own results folder."""
        return f"{self.results.rstrip('/')}/{self.spec.name}"

    def plan(self) -> Plan:
        """Raises ResultsError for results of another version."""
        records, damaged = self.ledger.records()
        return plan(self.trials, records, started=self.ledger.started(), damaged=damaged)

    def description(self) -> dict[str, Any]:
        """What is stored as sweep.json, without the circumstances of a launch."""
        return self.spec.describe(self.trials)

    # -- plan and status

    def plan_text(self, workers: int | None = None) -> str:
        """The plan as a person reads it."""
        return plan_text(self.spec, self.trials, self.plan(), workers or cores(), self.folder)

    def _states(self, records: Mapping[str, TrialRecord], damaged: Sequence[str]) -> dict[str, str]:
        """`done`, `diverged`, `failed`, `damaged`, `running`, `interrupted` or `waiting` for each trial."""
        broken = {Path(name).stem for name in damaged}
        started = self.ledger.started()
        begun = "running" if _DriverLock(self.ledger).is_held() else "interrupted"

        def state(trial_id: str) -> str:
            if trial_id in records:
                return records[trial_id].state
            if trial_id in broken:
                return "damaged"
            return begun if trial_id in started else "waiting"

        return {trial.trial_id: state(trial.trial_id) for trial in self.trials}

    def status_json(self) -> str:
        """Counts, and each trial's state."""
        states = self._states(*self.ledger.records())
        return json.dumps({"sweep": self.spec.name, "counts": Counter(states.values()), "trials": states}, indent=1)

    def status_text(self) -> str:
        """Counts by axis, and what failed."""
        records, damaged = self.ledger.records()
        states = self._states(records, damaged)
        lines = [f"{self.spec.name}: {_counts(states.values())} of {len(self.trials)} trials, in {self.folder}"]
        axes: dict[str, Callable[[TrialSpec], str]] = {
            "data set": lambda t: t.dataset.label,
            "strategy": lambda t: t.strategy.label,
            "fraction": lambda t: f"{100 * t.fraction:g} %",
        }
        if several_rates := len({t.optimizer for t in self.trials}) > 1:
            axes["optimizer"] = lambda t: f"{t.optimizer.label} lr {t.optimizer.lr:g}"
        for axis, value in axes.items():
            groups: dict[str, list[str]] = {}
            for trial in self.trials:
                groups.setdefault(value(trial), []).append(states[trial.trial_id])
            width = max(map(len, groups))
            lines += ["", axis, *(f"  {name:<{width}}  {_counts(group)}" for name, group in groups.items())]
        troubles = [
            f"  {trial.strategy.label}{f' lr {trial.optimizer.lr:g}' * several_rates} {100 * trial.fraction:g} % "
            f"seed {trial.seed} ({trial.trial_id}): {record.error}"
            for trial in self.trials
            if (record := records.get(trial.trial_id)) is not None and record.state in ("failed", "diverged")
        ]
        if troubles:
            lines += ["", "failed or diverged (failed trials run again after `mtlray retry`)", *troubles]
        if damaged:
            lines += ["", "damaged files, whose trials run again", *(f"  {name}" for name in damaged)]
        return "\n".join(lines)

    # -- verbs that write

    def retry(self) -> str:
        """Forget the failures of this sweep's trials."""
        failed = self.plan().failed
        with self._lock():
            self.ledger.forget(trial.trial_id for trial in failed)
        return f"{several(len(failed), 'failed trial')} will run again with `mtlray run {self.path}`."

    def compact(self) -> str:
        """Merge shards."""
        with self._lock():
            n = self.ledger.compact()
        return f"{several(n, 'finished trial')} merged in {self.folder}."

    def run(
        self,
        config: RunConfig,
        *,
        address: str | None = None,
        in_process: bool = False,
        confirm: Callable[[], bool] | None = None,
        console: Console | None = None,
    ) -> int:
        """Plan, run what is missing, print the table; returns the exit code.

        Raises MtlrayError, with nothing changed on disk, where the sweep cannot start.
        """
        console = console or Console()
        planned = self.plan()
        workers = config.workers or cores()
        console.print(
            plan_text(self.spec, self.trials, planned, 1 if in_process else workers, self.folder),
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
        if planned.to_run:
            if confirm is not None and not confirm():
                return INCOMPLETE
            if address is not None:
                from mtlray.launching import check_address

                check_address(address)
            fingerprints = self._data(config)
            self.ledger.probe()
            with self._lock():
                self._launch(planned, config, fingerprints, address=address, in_process=in_process, console=console)
        else:
            with (
                contextlib.suppress(MtlrayError),
                self._lock(),
            ):  # a finished sweep may lie in a folder for reading only
                self._store_description(config)
        return self._finish(console)

    def _launch(
        self,
        planned: Plan,
        config: RunConfig,
        fingerprints: dict[str, str],
        *,
        address: str | None,
        in_process: bool,
        console: Console,
    ) -> None:
        from mtlray.launching import run_in_process, run_on_ray

        self._store_description(config)
        job = Job(
            sweep=self.spec.name, config=config, commit=commit_of(self.path.resolve().parent), fingerprints=fingerprints
        )
        for trial in planned.to_run:
            _ = trial.trial_id, trial.strategy_json  # kept with the trial; a worker cannot read a sweep file's code
        groups = packs(planned.to_run, config.pack_size)
        with Display(planned.to_run, console) as display:
            if in_process:
                run_in_process(groups, job, display)
            else:
                modules = [self.module] if self.module is not None else []
                run_on_ray(groups, job, display, address=address, modules=modules)

    def _data(self, config: RunConfig) -> dict[str, str]:
        """Fingerprints of all data sets, prepared here and read once. Raises DataError and ResultsError."""
        root = Path(config.data)
        datasets = {trial.dataset.label: trial.dataset for trial in self.trials}
        for dataset in datasets.values():
            dataset.prepare(root)
        fingerprints = {label: dataset.load(root).fingerprint for label, dataset in datasets.items()}
        records, _ = self.ledger.records()
        refuse_other_data(records, fingerprints)
        return fingerprints

    def _store_description(self, config: RunConfig) -> None:
        """Write sweep.json, unless the grid that it lists already holds all trials of this narrower launch."""
        before = (self.ledger.read_sweep() or {}).get("trials", [])
        listed = {entry["trial_id"] for entry in before}
        if len(listed) > len(self.trials) and listed >= {trial.trial_id for trial in self.trials} and self.narrowed:
            return
        launch = {
            "sweep_file": self.path.name,
            "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "host": platform.node(),
            "device": config.device,
            "workers": config.workers,
            "data": config.data,
            "versions": json.loads(versions()),
        }
        try:
            self.ledger.write_sweep({**self.description(), "launch": launch})
        except OSError as error:
            raise ResultsError(f"Results should go to {self.folder}. Found: {error}.") from error

    def _finish(self, console: Console) -> int:
        from analysis.tables import render_table

        after = self.plan()

        def say(text: str) -> None:
            console.print(text, highlight=False, markup=False, soft_wrap=True)

        say("")
        if after.done or after.diverged:
            try:
                say(render_table(self.folder, trials=self.description()["trials"], against=self.spec.published))
            except MtlrayError as error:  # the trials are safe, and the exit code is theirs
                say(f"No table: {error}")
            say("")
        say(f"summary   {self.folder}/summary/")
        say(f"curves    {self.folder}/curves/")
        say(f"again     mtlray table {self.folder} --format markdown")
        if after.to_run:
            say(f"Left to run: {several(len(after.to_run), 'trial')}; the same command goes on.")
            return INCOMPLETE
        if after.failed:
            say(f"Failed: {several(len(after.failed), 'trial')}; `mtlray status {self.path}` says why.")
            return FAILED
        return COMPLETE

    def _lock(self) -> "_DriverLock":
        return _DriverLock(self.ledger)


class _DriverLock:
    """One driver a sweep. The system frees the lock when its holder dies, however it dies; object stores have none."""

    def __init__(self, ledger: Ledger) -> None:
        self._path = ledger.store.local / "driver.lock" if ledger.store.local is not None else None
        self._lock: FileLock | None = None

    def __enter__(self) -> None:
        if self._path is None or not self._path.parent.exists():
            return
        self._lock = FileLock(self._path)
        try:
            self._lock.acquire(timeout=0.5)  # `status` may be looking at it just now
        except Timeout:
            self._lock = None
            raise LaunchError(
                f"Another `mtlray` is working on this sweep ({self._path} is locked). "
                "Wait for it, or stop it; `mtlray status` shows how far it is."
            ) from None
        except OSError as error:
            self._lock = None
            raise ResultsError(f"Results should go to {self._path.parent}. Found: {error}.") from error

    def __exit__(self, *error: object) -> None:
        if self._lock is not None:
            self._lock.release()

    def is_held(self) -> bool:
        """Whether a driver is at work; looks without taking the lock or making its file."""
        if self._path is None or not self._path.exists():
            return False
        with self._path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
        return False


def _counts(states: Any) -> str:
    counted = Counter(states)
    order = ("done", "diverged", "failed", "damaged", "running", "interrupted", "waiting")
    return ", ".join(f"{counted[state]} {state}" for state in order if counted[state])
