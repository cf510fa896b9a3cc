"""From a pack of specs to committed results: data, checkpoints, training, records, failures. Knows nothing of Ray."""

import contextlib
import platform
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from mtlray.data import Dataset
from mtlray.data.files.remote import make_ready
from mtlray.errors import DataError, LostLockError, StrategyError
from mtlray.results.attempts import ENDS
from mtlray.results.kept import KeptNetwork, write_kept
from mtlray.results.ledger import Ledger
from mtlray.results.states import Ending, TrialState
from mtlray.results.trial_folder import LiveCurve, TrialFolder
from mtlray.running.endings import Stopped, end_of_attempt, ending_of, stops_apart
from mtlray.running.giving_up import commit_failure, give_up, spent
from mtlray.running.job import Job
from mtlray.running.kept.keeping import Keeping
from mtlray.running.representations import Representations
from mtlray.running.resuming import checkpoints_of, in_step
from mtlray.running.rows import Circumstances, curves_table, summary_table
from mtlray.running.surroundings import computation_of, device_name, device_of, surroundings
from mtlray.specs import TrialSpec
from mtlray.storage.failpoints import failpoint
from mtlray.trackers import LiveTensorBoard, trial_folder
from mtlray.training.checkpoint import Checkpoint, Interrupted
from mtlray.training.curve import Curves
from mtlray.training.loop import Outcome, train
from mtlray.training.run import Run
from mtlray.training.sampling import PackData
from mtlray.words.values import per_cent

Progress = Callable[[int], bool | None]
"""Called with the step about once a second; returns True to ask for a stop."""


def run_pack(trials: Sequence[TrialSpec], job: Job, progress: Progress = lambda step: None) -> list[Ending]:
    """Run trials that are equal in all but the seed, from their checkpoints, and commit their results.

    An error that would happen again (in code or data) and a trial that failed too often are committed as FAILED and not
    raised; temporary errors are raised, and what `progress` raises to end its thread or process. Two states are not committed:
    INTERRUPTED, where `progress` returned True or another driver has taken over, and POSTPONED, where memory ran out beside other
    trials. Each start leaves a log in the trial's folder.
    """
    progress = stops_apart(progress)
    try:
        with surroundings(job.config):
            with contextlib.suppress(StrategyError):  # raised for several trials only
                return _run_together(trials, job, progress)
            return [ending for trial in trials for ending in _run_together([trial], job, progress)]
    except LostLockError as error:
        return [ending_of(error, n_trials=len(trials), alone=job.alone)] * len(trials)
    except Stopped as stopped:
        raise stopped.by from None


def _run_together(trials: Sequence[TrialSpec], job: Job, progress: Progress) -> list[Ending]:
    """`run_pack`, which also raises StrategyError where the trials are to continue one by one."""
    ledger = job.ledger()
    known = [ledger.ending(trial.trial_id) for trial in trials]
    if all(ending is not None for ending in known):  # the worker was lost between the commit and its report
        return [ending for ending in known if ending is not None]
    folders = [ledger.folder(trial.trial_id) for trial in trials]
    if reason := _spent(folders, job):
        for trial in trials:
            give_up(trial, job, reason)
        return [Ending(TrialState.FAILED, reason)] * len(trials)
    start = _Start(trials, job, ledger, folders)
    try:
        outcomes = start.train(progress)
        start.commit(outcomes)
    except BaseException as error:  # a strategy that calls sys.exit must not end the sweep with code 0
        ending = ending_of(error, n_trials=len(trials), alone=job.alone)
        end = end_of_attempt(error, ending)
        if isinstance(error, LostLockError):
            raise
        if isinstance(error, Exception | SystemExit) and not isinstance(error, Interrupted):
            start.add_traceback()
        if ending.state is TrialState.FAILED:
            return start.fail(ending.text, end)
        start.stop(ending.text, end)
        if ending.state is TrialState.POSTPONED or isinstance(error, Interrupted):
            return [ending] * len(trials)
        if ENDS[end] and (reason := _spent(folders, job)):
            return start.fail(reason, end)
        raise
    return start.finish(outcomes)


def _spent(folders: Sequence[TrialFolder], job: Job) -> str:
    """Why all trials of a pack are given up: the retries of one are used up. Empty while none are."""
    return next((reason for folder in folders if (reason := spent(folder, job))), "")


class _Start:
    """One start of a pack: a log for each trial, training, and one of four ends: `finish`, `fail`, `stop`, or none by a kill."""

    def __init__(self, trials: Sequence[TrialSpec], job: Job, ledger: Ledger, folders: Sequence[TrialFolder]) -> None:
        """Raises OSError."""
        self._trials, self._job, self._ledger, self._folders = trials, job, ledger, folders
        self._device = device_of(job.config)
        self._device_name = device_name(self._device)
        self._logs = [
            folder.start(job.launch, trial.canonical, self._device_name)
            for trial, folder in zip(trials, folders, strict=True)
        ]
        self._kept: Mapping[str, KeptNetwork] = {}
        self._began = time.monotonic()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    def train(self, progress: Progress) -> list[Outcome]:
        """Train the pack from the newest checkpoints that its trials have in common."""
        dataset = load(self._trials[0], self._job, self._logs[0].add)
        saved = [
            checkpoints_of(trial, folder.checkpoints, dataset.fingerprint, log.add)
            for trial, folder, log in zip(self._trials, self._folders, self._logs, strict=True)
        ]
        checkpoints = in_step(saved)
        for log, checkpoint in zip(self._logs, checkpoints, strict=True):
            log.add(f"training from step {checkpoint.step if checkpoint else 0}")
        config = self._job.config
        keeping = Keeping(self._trials, config.keep, checkpoints, self._logs[0].add)
        stored = Representations(self._trials, self._ledger, self._job.embed_at)
        folders = {folder.trial_id: folder for folder in self._folders}
        specs = {trial.trial_id: trial for trial in self._trials}
        live = {trial.trial_id: _live(trial, self._job) for trial in self._trials}

        def save(checkpoint: Checkpoint) -> None:
            folder, trial = folders[checkpoint.trial_id], specs[checkpoint.trial_id]
            folder.checkpoints.write(keeping.in_checkpoint(checkpoint).to_bytes())
            rows = curves_table(trial, checkpoint.rows)
            folder.write_curve(LiveCurve(checkpoint.step, trial.steps, checkpoint.seconds, rows))
            live[checkpoint.trial_id].write(checkpoint.rows)

        def look(run: Run, data: PackData, curves: Curves) -> None:
            stored(run, data)
            keeping(run, data, curves)

        try:
            outcomes = train(
                self._trials,
                dataset,
                computation_of(config),
                checkpoints=checkpoints,
                checkpoint_seconds=config.checkpoint_seconds,
                save=save,
                progress=progress,
                look=look,
            )
            for outcome, trial in zip(outcomes, self._trials, strict=True):
                live[trial.trial_id].write(outcome.rows)
        finally:
            for trial, log in zip(self._trials, self._logs, strict=True):
                if trouble := live[trial.trial_id].close():
                    log.add(f"TensorBoard logging of this trial stopped: {trouble}")
        self._kept = keeping.networks
        return outcomes

    def commit(self, outcomes: Sequence[Outcome]) -> None:
        """Make the trials finished: nothing is written before all tables are there. Raises OSError."""
        tables = []
        for i, (trial, outcome) in enumerate(zip(self._trials, outcomes, strict=True)):
            ending, about = _ending(outcome), self._about(i, outcome.seconds, outcome.kernel)
            summary = summary_table(
                trial,
                ending.state,
                outcome.step,
                outcome.rows,
                about,
                ending.text,
                outcome.solver_fallbacks,
                outcome.trivial,
            )
            tables.append((curves_table(trial, outcome.rows), summary))
        for trial, (curves, summary) in zip(self._trials, tables, strict=True):
            if (kept := self._kept.get(trial.trial_id)) is not None:
                write_kept(self._ledger.store, trial.dataset.label, trial.trial_id, kept)
            self._ledger.commit(trial.trial_id, trial.dataset.label, curves, summary)

    def finish(self, outcomes: Sequence[Outcome]) -> list[Ending]:
        """After `commit`: close the logs and remove the checkpoints. Raises OSError."""
        for folder, log, outcome in zip(self._folders, self._logs, outcomes, strict=True):
            log.add(f"{outcome.state} at step {outcome.step} after {outcome.seconds:.1f} s of training")
            log.finish("finished", outcome.state)
            folder.tidy()
            failpoint("checkpoint-deleted")
        return [_ending(outcome) for outcome in outcomes]

    def fail(self, reason: str, end: str) -> list[Ending]:
        """Commit all trials as failed. Raises OSError."""
        seconds = time.monotonic() - self._began
        endings = [Ending(TrialState.FAILED, f"{reason} (log: {log.path})") for log in self._logs]
        for i, (trial, log, ending) in enumerate(zip(self._trials, self._logs, endings, strict=True)):
            log.add(f"failed: {reason}")
            commit_failure(self._ledger, trial, self._about(i, seconds), ending.text)
            log.finish(end, reason)
        return endings

    def stop(self, reason: str, end: str) -> None:
        """End without a result, and note why."""
        for log in self._logs:
            with contextlib.suppress(OSError, LostLockError):  # a full disk is what it may be about
                log.add(f"{end}: {reason}")
                log.finish(end, reason)

    def add_traceback(self) -> None:
        """Add the traceback of the error that is being handled to the logs."""
        for log in self._logs:
            with contextlib.suppress(OSError, LostLockError):
                log.add(traceback.format_exc())

    def _about(self, i: int, seconds: float, kernel: str = "") -> Circumstances:
        """What is stored with the i-th trial's numbers."""
        cuda = self._device.type == "cuda"
        return Circumstances(
            sweep=self._job.sweep,
            fingerprint=self._job.fingerprints[self._trials[i].dataset.label],
            commit=self._job.commit,
            device=self._device_name,
            pack_size=len(self._trials),
            attempts=self._logs[i].attempt,
            seconds=seconds,
            kernel=kernel,
            peak_memory_bytes=torch.cuda.max_memory_allocated(self._device) if cuda else None,
        )


def _ending(outcome: Outcome) -> Ending:
    diverged = outcome.state is TrialState.DIVERGED
    return Ending(outcome.state, f"non-finite loss at step {outcome.step}" if diverged else "")


def _live(trial: TrialSpec, job: Job) -> LiveTensorBoard:
    if job.config.tensorboard is None:
        return LiveTensorBoard(None)
    group = f"{trial.dataset.label} {trial.strategy.label} {per_cent(trial.fraction)}%"
    return LiveTensorBoard(trial_folder(Path(job.config.tensorboard), job.sweep, group, trial.seed, trial.trial_id))


def load(trial: TrialSpec, job: Job, say: Callable[[str], object]) -> Dataset:
    """The trial's data, fetched or prepared on this machine if necessary, and the same as the sweep's. Raises DataError."""
    root = Path(job.config.data)
    make_ready(trial.dataset, root, job.config.data_from, say)
    dataset = trial.dataset.load(root)
    expected = job.fingerprints[trial.dataset.label]
    if dataset.fingerprint != expected:
        raise DataError(
            f"The sweep is made with {trial.dataset.label} of fingerprint {expected}. Found {dataset.fingerprint} in {root} on "
            f"{platform.node()}. Remove the folder `prepared` there, run `mtlray data verify`, and then `mtlray retry`."
        )
    return dataset
