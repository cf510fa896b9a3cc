"""A sweep and its results folder together: what the command line does with them."""

import contextlib
import json
import platform
import shlex
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console

from mtlray.data.files.remote import make_ready
from mtlray.errors import LaunchError, MtlrayError, ResultsError, SpecError
from mtlray.identity.provenance import commit_of, versions
from mtlray.planning.plan import Plan, packs, plan, refuse_other_data
from mtlray.planning.status import Status
from mtlray.planning.text import Workers, plan_text
from mtlray.planning.why import why_text
from mtlray.planning.wording import several
from mtlray.results.driver_lock import DriverLock
from mtlray.results.ledger import RESULTS_VERSION, Ledger, TrialRecord
from mtlray.running.on_ray.resources import workers_here
from mtlray.running.pack import Job
from mtlray.running.policy import COMPLETE, FAILED, INCOMPLETE, REQUEUE, Policy
from mtlray.running.progress import Display, Terminal
from mtlray.running.session import Session
from mtlray.running.signals import Stop
from mtlray.specs import RunConfig, SweepSpec, TrialSpec
from mtlray.specs.sweepfile import is_edited, refuse_edited


class Sweep:
    """A resolved sweep, the module it was loaded from, and its ledger; `narrowed` on the command line or whole.

    `arguments` are those that name this sweep to a command; the path where they are not given.
    """

    def __init__(
        self,
        spec: SweepSpec,
        module: ModuleType | None,
        path: Path,
        results: str,
        *,
        narrowed: bool = False,
        arguments: str | None = None,
    ) -> None:
        self.spec = spec
        self.narrowed = narrowed
        self.module = module
        self.path = path
        self.arguments = str(path) if arguments is None else arguments
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

    def plan_text(self, workers: int | None = None, *, why: bool = False) -> str:
        """The plan as a person reads it, with the reason for each trial that is to run."""
        planned = self.plan()
        text = plan_text(self.spec, self.trials, planned, workers_here("auto", 1.0, workers), self.folder)
        return "\n".join([text, *why_text(planned.to_run, self.ledger)]) if why else text

    def status_json(self) -> str:
        """Counts, and each trial's state."""
        return Status(self.trials, self.ledger).as_json(self.spec.name)

    def status_text(self) -> str:
        """Counts by axis, and what failed."""
        return Status(self.trials, self.ledger).as_text(self.spec.name, self.folder)

    # -- verbs that write

    def retry(self) -> str:
        """Forget the failures of this sweep's trials."""
        with self._lock():
            failed = self.plan().failed
            self.ledger.forget(trial.trial_id for trial in failed)
        if not failed:
            return f"No trial has failed in {self.folder}."
        return f"{several(len(failed), 'failed trial')} will run again with `mtlray run {self.arguments}`."

    def compact(self) -> str:
        """Merge shards."""
        with self._lock():
            n = self.ledger.compact()
        return f"{several(n, 'finished trial')} merged in {self.folder}."

    def run(
        self,
        config: RunConfig,
        *,
        policy: Policy | None = None,
        address: str | None = None,
        in_process: bool = False,
        confirm: Callable[[], bool] | None = None,
        console: Console | None = None,
    ) -> int:
        """Plan, run what is missing, print the table; returns the exit code.

        Raises MtlrayError, with nothing changed on disk, where the sweep cannot start.
        """
        if in_process and config.gpus_per_trial != 1:
            raise SpecError(
                "Option --gpus-per-trial lets trials at once share a GPU, and --in-process runs one after the other. "
                f"Found both, with {config.gpus_per_trial} GPUs per trial. Leave one of them out."
            )
        console = console or Terminal()
        policy = policy or Policy()
        planned = self.plan()
        workers = workers_here(config.device, config.gpus_per_trial, 1 if in_process else config.workers)
        if address is not None and not in_process:
            workers = Workers(config.workers, workers.on_gpus)
        console.print(
            plan_text(self.spec, self.trials, planned, workers, self.folder),
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
        if planned.to_run:
            if confirm is not None and not confirm():
                return INCOMPLETE
            refuse_edited(self.path, self.module)
            if address is not None:
                from mtlray.running.on_ray.launching import check_address

                check_address(address)
            records, _ = self.ledger.records(every_byte=False)
            self._refuse_other_versions(records)
            fingerprints = self._data(
                config, records, lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True)
            )
            self.ledger.probe()
            stop = Stop(policy.grace_seconds)
            with self._lock() as lock:
                for name in self.ledger.quarantine():
                    console.print(f"Moved to quarantine/: {name}", highlight=False, markup=False, soft_wrap=True)
                planned = self.plan()  # another driver may have worked until just now
                job = Job(
                    sweep=self.spec.name, config=config, commit=commit_of(self.path.resolve().parent),
                    fingerprints=fingerprints, launch=uuid.uuid4().hex[:12], policy=policy,
                )  # fmt: skip
                self._launch(planned, job, stop, lock, address=address, in_process=in_process, console=console)
            return self._finish(console, stop)
        else:
            with (
                contextlib.suppress(MtlrayError),
                self._lock(),
            ):  # a finished sweep may lie in a folder for reading only
                self._store_description(config)
        return self._finish(console, Stop())

    def _launch(
        self,
        planned: Plan,
        job: Job,
        stop: Stop,
        lock: DriverLock,
        *,
        address: str | None,
        in_process: bool,
        console: Console,
    ) -> None:
        self._store_description(job.config)
        for trial in planned.to_run:
            _ = trial.trial_id, trial.strategy_json  # kept with the trial; a worker cannot read a sweep file's code
        size = job.config.pack_size
        groups = packs(planned.to_run, 1 if size == "auto" else size)  # "auto": cut again where the device is
        with Display(planned.to_run, console, self.ledger.started()) as display:
            session = Session(job, display, stop, lock.note_running)
            lock.on_loss = stop.now.set
            if in_process:
                from mtlray.running.in_process import run_in_process

                run_in_process(groups, session)
            else:
                from mtlray.running.on_ray.launching import run_on_ray

                modules = [self.module] if self.module is not None else []
                run_on_ray(groups, session, address=address, modules=modules)
        if lock.lost.is_set():
            raise LaunchError(
                f"Another `mtlray` took over {self.folder}, because this one gave no sign of life for too long. "
                "`mtlray status` shows how far it is; finished trials are kept."
            )

    def _refuse_other_versions(self, records: Mapping[str, TrialRecord]) -> None:
        """Raise ResultsError where the folder holds results of another results_version, which can be read and not added to."""
        found = {record.results_version for record in records.values()} - {RESULTS_VERSION}
        if found:
            raise ResultsError(
                f"{self.folder} holds results of results_version {min(found)}; this mtlray computes results_version "
                f"{RESULTS_VERSION}, and the two must not be mixed. Use another --results folder, or install the mtlray that "
                "made them (column `versions`). `mtlray table` reads them as they are."
            )

    def _data(
        self, config: RunConfig, records: Mapping[str, TrialRecord], say: Callable[[str], None]
    ) -> dict[str, str]:
        """Fingerprints of all data sets, fetched or prepared here and read once. Raises DataError and ResultsError."""
        root = Path(config.data)
        datasets = {trial.dataset.label: trial.dataset for trial in self.trials}
        for dataset in datasets.values():
            make_ready(dataset, root, config.data_from, say)
        fingerprints = {label: dataset.load(root).fingerprint for label, dataset in datasets.items()}
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
            "source": self.path.read_text(encoding="utf-8", errors="replace") if self.path.is_file() else None,
            "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "host": platform.node(),
            "device": config.device,
            "workers": config.workers,
            "pack_size": config.pack_size,
            "gpus_per_trial": config.gpus_per_trial,
            "activation_checkpointing": config.activation_checkpointing,
            "data": config.data,
            "versions": json.loads(versions()),
        }
        try:
            self.ledger.write_sweep({**self.description(), "launch": launch})
        except OSError as error:
            raise ResultsError(f"Results should go to {self.folder}. Found: {error}.") from error

    def _finish(self, console: Console, stop: Stop) -> int:
        from mtlray.analysis.tables import TableOptions, render_table

        after = self.plan()

        def say(text: str) -> None:
            console.print(text, highlight=False, markup=False, soft_wrap=True)

        say("")
        if after.done or after.diverged:
            try:
                shown = TableOptions(against=self.spec.published)
                say(render_table(self.folder, shown, trials=self.description()["trials"]))
            except MtlrayError as error:  # the trials are safe, and the exit code is theirs
                say(f"No table: {error}")
            say("")
        if after.done or after.diverged or after.failed:
            say(f"summary   {self.folder}/summary/")
            say(f"curves    {self.folder}/curves/")
            say(f"again     mtlray table {shlex.quote(self.folder)} --format markdown")
        if is_edited(self.path, self.module):
            say(
                f"{self.path} was edited meanwhile. This is what it said before; the same command runs what it says now."
            )
        if after.to_run:
            say(f"Left to run: {several(len(after.to_run), 'trial')}; the same command goes on.")
            if stop.requeue:
                return REQUEUE
            return FAILED if stop.too_many_failed else INCOMPLETE
        if after.failed:
            say(f"Failed: {several(len(after.failed), 'trial')}; `mtlray status {self.arguments}` says why.")
            return FAILED
        return COMPLETE

    def _lock(self) -> DriverLock:
        return DriverLock(self.ledger.store)
