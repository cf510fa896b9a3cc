"""Starting a sweep: check what can be checked, run what is missing, and report the outcome."""

import contextlib
import json
import platform
import shlex
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from mtlray.data.files.remote import make_ready
from mtlray.errors import MtlrayError, ResultsError
from mtlray.identity.provenance import commit_of, versions
from mtlray.planning.code_changes import keep_code
from mtlray.planning.plan import Plan, packs, refuse_other_data
from mtlray.planning.wording import several
from mtlray.results.driver_lock import DriverLock
from mtlray.results.ledger import TrialRecord
from mtlray.running.in_process import InProcess
from mtlray.running.job import Job
from mtlray.running.kept.keeping import check_keeping
from mtlray.running.on_ray.launching import OnRay
from mtlray.running.policy import COMPLETE, FAILED, INCOMPLETE, Policy
from mtlray.running.progress import Display, Terminal
from mtlray.running.session import Runner, Session
from mtlray.running.signals import Stop
from mtlray.specs import RunConfig
from mtlray.specs.sweepfile import is_edited, refuse_edited
from mtlray.sweep import Sweep
from mtlray.words.masking import masked, masked_within


def launch(
    sweep: Sweep,
    config: RunConfig,
    *,
    policy: Policy | None = None,
    address: str | None = None,
    in_process: bool = False,
    confirm: Callable[[], bool] = lambda: True,
    console: Console | None = None,
    stop: Stop | None = None,
) -> int:
    """Plan a sweep, run what is missing, print the table; returns the exit code.

    `confirm` is asked once the plan is shown. `stop` may listen to signals already; without it, that begins here. Raises
    MtlrayError, with nothing changed on disk, where the sweep cannot start, and KeyboardInterrupt for a signal before trials run.
    """
    policy = policy or Policy()
    stop = stop or Stop(policy.grace_seconds)
    runner = InProcess() if in_process else OnRay(address, () if sweep.module is None else (sweep.module,))
    with stop.listening():
        return _Launch(sweep, config, policy, runner, console or Terminal(), stop).run(confirm)


class _Launch:
    """One launch of a sweep."""

    def __init__(
        self, sweep: Sweep, config: RunConfig, policy: Policy, runner: Runner, console: Console, stop: Stop
    ) -> None:
        self._sweep, self._config, self._policy = sweep, config, policy
        self._runner, self._console, self._stop = runner, console, stop

    def run(self, confirm: Callable[[], bool]) -> int:
        """Returns the exit code."""
        sweep, workers = self._sweep, self._runner.workers(self._config)
        planned = sweep.plan()
        self._say(sweep.shown(planned, workers))
        if not planned.to_run:
            # A finished sweep may lie in a folder for reading only.
            with contextlib.suppress(MtlrayError), sweep.lock():
                if planned.damaged:  # or nothing would ever move what has to run no more
                    self._quarantine()
                self._store_description()
            return self._finish()
        if not confirm():
            return INCOMPLETE
        check_keeping(planned.to_run, self._config)
        refuse_edited(sweep.path, sweep.module)
        self._runner.check()
        records, _ = sweep.ledger.records(every_byte=False)
        fingerprints = self._data(records)
        sweep.ledger.probe()
        with sweep.lock() as lock:
            self._quarantine()
            planned = sweep.plan()  # another driver may have worked until just now
            job = Job(
                sweep=sweep.spec.name,
                config=self._config,
                commit=commit_of(sweep.path.resolve().parent),
                fingerprints=fingerprints,
                embed_at=sweep.spec.embed_at,
                launch=uuid.uuid4().hex[:12],
                policy=self._policy,
                fence=lock.fence,
            )
            self._store_description()
            keep_code(planned.to_run, sweep.ledger.store)
            self._run_packs(planned, job, lock)
        return self._finish()

    def _say(self, text: str) -> None:
        self._console.print(masked(text), highlight=False, markup=False, soft_wrap=True)

    # -- before

    def _quarantine(self) -> None:
        for name in self._sweep.quarantine():
            self._say(f"Moved to quarantine/: {name}")

    def _data(self, records: Mapping[str, TrialRecord]) -> dict[str, str]:
        """Fingerprints of all data sets, fetched or prepared here and read once. Raises DataError and ResultsError."""
        root = Path(self._config.data)
        datasets = {trial.dataset.label: trial.dataset for trial in self._sweep.trials}
        for dataset in datasets.values():
            make_ready(dataset, root, self._config.data_from, self._say)
        fingerprints = {label: dataset.load(root).fingerprint for label, dataset in datasets.items()}
        refuse_other_data(records, fingerprints)
        return fingerprints

    def _store_description(self) -> None:
        """Write sweep.json, unless the grid that it lists already holds all trials of this narrower launch."""
        sweep, config = self._sweep, self._config
        before = (sweep.ledger.read_sweep() or {}).get("trials", [])
        listed = {entry["trial_id"] for entry in before}
        if len(listed) > len(sweep.trials) and listed >= {trial.trial_id for trial in sweep.trials} and sweep.narrowed:
            return
        circumstances = {
            "sweep_file": sweep.path.name,
            "source": sweep.path.read_text(encoding="utf-8", errors="replace") if sweep.path.is_file() else None,
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
            sweep.ledger.write_sweep(masked_within({**sweep.description(), "launch": circumstances}))
        except OSError as error:
            raise ResultsError(f"Results should be written to {sweep.folder}. Found: {error}.") from error

    # -- running

    def _run_packs(self, planned: Plan, job: Job, lock: DriverLock) -> None:
        """Raises LaunchError."""
        for trial in planned.to_run:
            # Kept with the trial; a worker cannot read a sweep file's code.
            _ = trial.trial_id, trial.strategy_json, trial.dataset.prepared_by
        size = self._config.pack_size
        groups = packs(planned.to_run, 1 if size == "auto" else size)  # "auto": cut again where the device is
        with Display(planned.to_run, self._console, self._sweep.ledger.started()) as display:
            lock.on_loss = self._stop.now.set
            self._runner.run(groups, Session(job, display, self._stop, lock.note_running))
        lock.check()

    # -- after

    def _finish(self) -> int:
        """Say what there is now and where; returns the exit code."""
        sweep, after = self._sweep, self._sweep.plan()
        self._say("")
        if after.done or after.diverged:
            self._say_table()
        if after.done or after.diverged or after.failed:
            self._say(f"summary   {sweep.folder}/summary/")
            self._say(f"curves    {sweep.folder}/curves/")
            self._say(f"again     mtlray table {shlex.quote(sweep.folder)} --format markdown")
        if is_edited(sweep.path, sweep.module):
            self._say(
                f"{sweep.path} was edited during the run. These results are for the file as it was; run the same command "
                "again for the edited one."
            )
        if after.to_run:
            self._say(f"Left to run: {several(len(after.to_run), 'trial')}. Run the same command again to continue.")
            failed = self._stop.too_many_failed and not self._stop.requeue
            return FAILED if failed else self._stop.code
        if after.failed:
            self._say(f"Failed: {several(len(after.failed), 'trial')}; `mtlray status {sweep.arguments}` says why.")
            return FAILED
        return COMPLETE

    def _say_table(self) -> None:
        from mtlray.analysis.sources import Source
        from mtlray.analysis.tables import TableOptions, render_table

        sweep = self._sweep
        try:
            shown = TableOptions(against=sweep.spec.published)
            described = sweep.description()
            self._say(render_table(Source(sweep.folder, described["trials"], described["fields"]), shown))
        except MtlrayError as error:  # the trials are safe, and the exit code is theirs
            self._say(f"No table: {error}")
        self._say("")
