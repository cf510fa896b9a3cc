"""From a pack of specs to committed results: data, checkpoints, training, records, failures. Knows nothing of Ray."""

import contextlib
import platform
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import torch

from mtlray.data import Dataset
from mtlray.data.files.remote import make_ready
from mtlray.errors import DataError, StrategyError
from mtlray.identity.provenance import Commit
from mtlray.models import Computation
from mtlray.models.dtype import default_dtype
from mtlray.results.attempts import failures, finish, read_attempts, settled, write_attempts
from mtlray.results.ledger import Ledger
from mtlray.running.attempt_log import AttemptLog
from mtlray.running.memory import keep_freed_memory
from mtlray.running.policy import HungError, Policy, is_out_of_memory, may_pass, store_is_full
from mtlray.running.resuming import checkpoints_of, in_step
from mtlray.running.rows import Circumstances, curves_table, summary_table
from mtlray.specs import RunConfig, TrialSpec
from mtlray.storage.failpoints import failpoint
from mtlray.trackers import LiveTensorBoard, trial_folder
from mtlray.training.checkpoint import Checkpoint, Interrupted
from mtlray.training.loop import Outcome, train


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker needs besides the trials: where to read and write, and what to note with the results."""

    sweep: str
    config: RunConfig
    commit: Commit
    fingerprints: dict[str, str]
    """The data that the sweep is made with, by `DatasetSpec.label`; other data is refused."""
    launch: str = ""
    """Tells the starts of one launch from those of others."""
    alone: bool = True
    """Whether trials run one after the other, so that fewer at once would not help."""
    policy: Policy = field(default_factory=Policy)

    def ledger(self) -> Ledger:
        return Ledger(self.config.results, self.sweep)


def run_pack(
    trials: Sequence[TrialSpec], job: Job, progress: Callable[[int], bool | None] = lambda step: None
) -> list[tuple[str, str]]:
    """Run trials that are equal in all but the seed, from their checkpoints, and commit their results.

    Returns each trial's state and a text. What would fail again (an error in code or data), and what failed too often, is
    committed as `failed` and not raised; what may pass is raised. Two states are not committed: `interrupted`, where `progress`
    returned True, and `postponed`, where memory ran out beside other trials. Each start leaves a log in the trial's folder.
    """
    with surroundings(job.config):
        return _run_pack(trials, job, progress)


def _run_pack(trials: Sequence[TrialSpec], job: Job, progress: Callable[[int], bool | None]) -> list[tuple[str, str]]:
    ledger = job.ledger()
    endings = [ledger.ending(trial.trial_id) for trial in trials]
    if all(ending is not None for ending in endings):  # the worker was lost between the commit and its report
        return [ending for ending in endings if ending is not None]
    if spent := _spent(trials, job, ledger):
        for trial in trials:
            give_up(trial, job, spent)
        return [("failed", spent)] * len(trials)
    device = device_of(job.config)
    logs = [AttemptLog(ledger, trial, device, job.launch) for trial in trials]
    started = time.monotonic()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)

    def fail(reason: str, end: str = "finished") -> list[tuple[str, str]]:
        seconds = time.monotonic() - started
        for trial, log in zip(trials, logs, strict=True):
            message = f"{reason} (log: {log.add(f'failed: {reason}')})"
            about = _about(job, trials, log, device, seconds)
            _commit_failure(ledger, trial, about, message)
            log.finish(end, reason)
        return [("failed", f"{reason} (log: {log.path})") for log in logs]

    def stop(end: str, reason: str) -> None:
        for log in logs:
            with contextlib.suppress(OSError):  # a full disk is what it may be about
                log.add(f"{end}: {reason}")
                log.finish(end, reason)

    try:
        dataset = load(trials[0], job, logs[0].add)
        outcomes = _train(trials, dataset, job, ledger, logs, progress)
        tables = [
            _tables(trial, outcome, _about(job, trials, log, device, outcome.seconds, outcome.kernel))
            for trial, log, outcome in zip(trials, logs, outcomes, strict=True)
        ]
        for trial, (curves, summary) in zip(trials, tables, strict=True):
            ledger.commit(trial.trial_id, trial.dataset.label, curves, summary)
    except Interrupted as request:
        stop("interrupted", str(request))
        return [("interrupted", str(request))] * len(trials)
    except (Exception, SystemExit) as error:  # a strategy that calls sys.exit must not end the sweep with code 0
        reason = f"{type(error).__name__}: {error}"
        for log in logs:
            with contextlib.suppress(OSError):
                log.add(traceback.format_exc())
        if isinstance(error, StrategyError) and len(trials) > 1:  # one seed's gradients must not fail the others
            stop("interrupted", f"the pack stopped, its trials go on one by one: {error}")
            return [ended for trial in trials for ended in _run_pack([trial], job, progress)]
        if not may_pass(error):
            return fail(reason)
        if is_out_of_memory(error):
            if job.alone:
                return fail(f"out of memory, with no other trial beside it: {reason}")
            stop("out of memory", reason)
            return [("postponed", reason)] * len(trials)
        end = "hung" if isinstance(error, HungError) else "error that may pass"
        stop("interrupted" if store_is_full(reason) else end, reason)
        if not store_is_full(reason) and (spent := _spent(trials, job, ledger)):
            return fail(spent, end)
        raise
    for trial, log, outcome in zip(trials, logs, outcomes, strict=True):
        log.add(f"{outcome.state} at step {outcome.step} after {outcome.seconds:.1f} s of training")
        log.finish("finished", outcome.state)
        ledger.checkpoints(trial.trial_id).delete()
        failpoint("checkpoint-deleted")
    return [(outcome.state, _why(outcome)) for outcome in outcomes]


def _spent(trials: Sequence[TrialSpec], job: Job, ledger: Ledger) -> str:
    """Why trials are given up before they start again: their retries are used up. Empty while they are not."""
    for trial in trials:
        attempts = settled(read_attempts(ledger.store, trial.trial_id), job.launch)
        counted = failures(attempts)
        if len(counted) > job.policy.retries:
            ends = ", ".join(attempt.end for attempt in counted)
            log = ledger.store.where(f"trials/{trial.trial_id}/attempt-{counted[-1].number}.log")
            why = f", last: {counted[-1].reason}" if counted[-1].reason else ""
            return f"given up after {len(counted)} starts ({ends}){why} (log: {log})"
    return ""


def _why(outcome: Outcome) -> str:
    return f"non-finite loss at step {outcome.step}" if outcome.state == "diverged" else ""


def _tables(trial: TrialSpec, outcome: Outcome, about: Circumstances) -> tuple[pa.Table, pa.Table]:
    """The curves and the summary of a trial."""
    summary = summary_table(
        trial, outcome.state, outcome.step, outcome.rows, about, _why(outcome), outcome.solver_fallbacks
    )
    return curves_table(trial, outcome.rows), summary


@contextlib.contextmanager
def surroundings(config: RunConfig) -> Iterator[None]:
    """What torch keeps for the whole process, as every trial finds it; put back afterwards."""
    threads = torch.get_num_threads()
    if device_of(config).type == "cpu":
        torch.set_num_threads(1)  # two threads of one trial wait for each other; one trial a core does not
        keep_freed_memory()
    torch.backends.cudnn.benchmark = False
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.enable_grad(), default_dtype(torch.float32):
            yield
    finally:
        torch.set_num_threads(threads)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def give_up(trial: TrialSpec, job: Job, reason: str) -> None:
    """Commit a trial as failed from outside, after its workers were lost too often. Raises OSError."""
    ledger = job.ledger()
    attempts = settled(read_attempts(ledger.store, trial.trial_id), job.launch)
    about = Circumstances(
        sweep=job.sweep,
        fingerprint=job.fingerprints[trial.dataset.label],
        commit=job.commit,
        device="",
        pack_size=1,
        attempts=len(attempts),
        seconds=0.0,
    )
    if attempts:
        write_attempts(ledger.store, trial.trial_id, attempts)
    _commit_failure(ledger, trial, about, reason)


def _commit_failure(ledger: Ledger, trial: TrialSpec, about: Circumstances, message: str) -> None:
    summary = summary_table(trial, "failed", 0, [], about, message)
    ledger.commit(trial.trial_id, trial.dataset.label, None, summary)


def _train(
    trials: Sequence[TrialSpec],
    dataset: Dataset,
    job: Job,
    ledger: Ledger,
    logs: Sequence[AttemptLog],
    progress: Callable[[int], bool | None],
) -> list[Outcome]:
    generations = {trial.trial_id: ledger.checkpoints(trial.trial_id) for trial in trials}
    saved = [
        checkpoints_of(trial, generations[trial.trial_id], dataset.fingerprint, log.add)
        for trial, log in zip(trials, logs, strict=True)
    ]
    checkpoints = in_step(saved)
    for log, checkpoint in zip(logs, checkpoints, strict=True):
        log.add(f"training from step {checkpoint.step if checkpoint else 0}")
    live = {trial.trial_id: _live(trial, job) for trial in trials}

    def save(checkpoint: Checkpoint) -> None:
        generations[checkpoint.trial_id].write(checkpoint.to_bytes())
        live[checkpoint.trial_id].write(checkpoint.rows)

    try:
        outcomes = train(
            trials,
            dataset,
            computation_of(job.config),
            checkpoints=checkpoints,
            checkpoint_seconds=job.config.checkpoint_seconds,
            save=save,
            progress=progress,
        )
        for outcome, trial in zip(outcomes, trials, strict=True):
            live[trial.trial_id].write(outcome.rows)
    finally:
        for trial, log in zip(trials, logs, strict=True):
            if trouble := live[trial.trial_id].close():
                log.add(f"TensorBoard got no more of this trial: {trouble}")
    return outcomes


def _live(trial: TrialSpec, job: Job) -> LiveTensorBoard:
    if job.config.tensorboard is None:
        return LiveTensorBoard(None)
    group = f"{trial.dataset.label} {trial.strategy.label} {100 * trial.fraction:g}%"
    return LiveTensorBoard(trial_folder(Path(job.config.tensorboard), job.sweep, group, trial.seed, trial.trial_id))


def load(trial: TrialSpec, job: Job, say: Callable[[str], object]) -> Dataset:
    """The trial's data, fetched to or made on this machine if need be, and the same as the sweep's. Raises DataError."""
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


def device_of(config: RunConfig) -> torch.device:
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


def computation_of(config: RunConfig) -> Computation:
    return Computation(device_of(config), config.kernel, config.activation_checkpointing)


def _about(
    job: Job, trials: Sequence[TrialSpec], log: AttemptLog, device: torch.device, seconds: float, kernel: str = ""
) -> Circumstances:
    return Circumstances(
        sweep=job.sweep,
        fingerprint=job.fingerprints[trials[0].dataset.label],
        commit=job.commit,
        device=log.device_name,
        pack_size=len(trials),
        attempts=log.attempt,
        seconds=seconds,
        kernel=kernel,
        peak_memory_bytes=torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
    )


def note_hang(trial: TrialSpec, job: Job) -> None:
    """Note that a trial's running attempt hangs, before its worker is killed. Raises OSError."""
    ledger = job.ledger()
    attempts = read_attempts(ledger.store, trial.trial_id)
    if attempts and not attempts[-1].end:
        finish(ledger.store, trial.trial_id, attempts, "hung", f"no progress for {job.policy.hang_seconds:g} s")
