"""From a pack of specs to committed results: data, checkpoints, training, records, failures. Knows nothing of Ray."""

import contextlib
import os
import platform
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import torch

from mtlray.checkpoint import Checkpoint
from mtlray.data import Dataset
from mtlray.errors import DataError, ResultsError, StrategyError
from mtlray.memory import keep_freed_memory
from mtlray.models.pack import default_dtype
from mtlray.provenance import Commit, cpu_name
from mtlray.records import Ledger
from mtlray.specs import RunConfig, TrialSpec
from mtlray.summary import Circumstances, curves_table, summary_table
from mtlray.training import Outcome, train


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker needs besides the trials: where to read and write, and what to note with the results."""

    sweep: str
    config: RunConfig
    commit: Commit
    fingerprints: dict[str, str]
    """The data that the sweep is made with, by `DatasetSpec.label`; other data is refused."""

    def ledger(self) -> Ledger:
        return Ledger(self.config.results, self.sweep)


def run_pack(trials: Sequence[TrialSpec], job: Job, progress: Callable[[int], None]) -> list[tuple[str, str]]:
    """Run trials that are equal in all but the seed, from their checkpoints, and commit their results.

    Returns each trial's state and error text. What would fail again (an error in code or data) is committed as `failed` and
    not raised; what may pass (out of memory, I/O) is raised. Each start leaves a log in the trial's folder.
    """
    with _surroundings(job.config):
        return _run_pack(trials, job, progress)


def _run_pack(trials: Sequence[TrialSpec], job: Job, progress: Callable[[int], None]) -> list[tuple[str, str]]:
    ledger = job.ledger()
    endings = [ledger.ending(trial.trial_id) for trial in trials]
    if all(ending is not None for ending in endings):  # the worker was lost between the commit and its report
        return [ending for ending in endings if ending is not None]
    device = _device(job.config)
    logs = [_AttemptLog(ledger, trial, device) for trial in trials]
    started = time.monotonic()
    try:
        dataset = _load(trials[0], job)
        outcomes = _train(trials, dataset, job, ledger, device, logs, progress)
        tables = [
            _tables(trial, outcome, _about(job, trials, log, device, outcome.seconds))
            for trial, log, outcome in zip(trials, logs, outcomes, strict=True)
        ]
    except (Exception, SystemExit) as error:  # a strategy that calls sys.exit must not end the sweep with code 0
        if may_pass(error):
            for log in logs:
                log.add(f"stopped, may be started again: {error!r}\n{traceback.format_exc()}")
            raise
        if isinstance(error, StrategyError) and len(trials) > 1:  # one seed's gradients must not fail the others
            for log in logs:
                log.add(f"the pack stopped, its trials go on one by one: {error}")
            return [ended for trial in trials for ended in _run_pack([trial], job, progress)]
        ended = []
        for trial, log in zip(trials, logs, strict=True):
            path = log.add(f"failed: {error!r}\n{traceback.format_exc()}")
            message = f"{type(error).__name__}: {error} (log: {path})"
            about = _about(job, trials, log, device, time.monotonic() - started)
            ledger.commit(
                trial.trial_id, trial.dataset.label, None, summary_table(trial, "failed", 0, [], about, message)
            )
            ended.append(("failed", message))
        return ended
    ended = []
    for trial, log, outcome, (curves, summary) in zip(trials, logs, outcomes, tables, strict=True):
        ledger.commit(trial.trial_id, trial.dataset.label, curves, summary)
        log.add(f"{outcome.state} at step {outcome.step} after {outcome.seconds:.1f} s of training")
        ledger.delete_checkpoint(trial.trial_id)
        ended.append((outcome.state, _why(outcome)))
    return ended


def may_pass(error: BaseException) -> bool:
    """Whether a trial that ended with this error may succeed when it is started again; anything else would fail again."""
    if isinstance(error, (MemoryError, OSError, torch.OutOfMemoryError)):
        return True
    # torch has no type for these: the host's memory, and a device whose state is lost with the process.
    signs = ("can't allocate memory", "CUDA error", "cuDNN error", "CUBLAS_STATUS", "NCCL")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def _why(outcome: Outcome) -> str:
    return f"non-finite loss at step {outcome.step}" if outcome.state == "diverged" else ""


def _tables(trial: TrialSpec, outcome: Outcome, about: Circumstances) -> tuple[pa.Table, pa.Table]:
    """The curves and the summary of a trial."""
    summary = summary_table(
        trial, outcome.state, outcome.step, outcome.rows, about, _why(outcome), outcome.solver_fallbacks
    )
    return curves_table(trial, outcome.rows), summary


@contextlib.contextmanager
def _surroundings(config: RunConfig) -> Iterator[None]:
    """What torch keeps for the whole process, as every trial finds it; put back afterwards."""
    threads = torch.get_num_threads()
    if _device(config).type == "cpu":
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
    """Commit a trial as failed from outside, after its workers were lost too often."""
    ledger = job.ledger()
    about = Circumstances(
        sweep=job.sweep,
        fingerprint=job.fingerprints[trial.dataset.label],
        commit=job.commit,
        device="",
        pack_size=1,
        attempts=ledger.attempts(trial.trial_id),
        seconds=0.0,
    )
    ledger.commit(trial.trial_id, trial.dataset.label, None, summary_table(trial, "failed", 0, [], about, reason))


def _train(
    trials: Sequence[TrialSpec],
    dataset: Dataset,
    job: Job,
    ledger: Ledger,
    device: torch.device,
    logs: "Sequence[_AttemptLog]",
    progress: Callable[[int], None],
) -> list[Outcome]:
    checkpoints = [
        _checkpoint(ledger, trial, dataset.fingerprint, log) for trial, log in zip(trials, logs, strict=True)
    ]
    # A pack moves in step: if its trials stand at different steps, all go back to the start.
    if len({c.step if c else 0 for c in checkpoints}) > 1:
        checkpoints = [None] * len(trials)
    for log, checkpoint in zip(logs, checkpoints, strict=True):
        log.add(f"training from step {checkpoint.step if checkpoint else 0}")
    return train(
        trials,
        dataset,
        device=device,
        checkpoints=checkpoints,
        checkpoint_seconds=job.config.checkpoint_seconds,
        save=lambda c: ledger.write_checkpoint(c.trial_id, c.to_bytes()),
        progress=progress,
    )


def _load(trial: TrialSpec, job: Job) -> Dataset:
    """The trial's data, made on this machine if need be, and the same as the sweep's. Raises DataError."""
    root = Path(job.config.data)
    trial.dataset.prepare(root)
    dataset = trial.dataset.load(root)
    expected = job.fingerprints[trial.dataset.label]
    if dataset.fingerprint != expected:
        raise DataError(
            f"The sweep is made with {trial.dataset.label} of fingerprint {expected}. Found {dataset.fingerprint} in {root} on "
            f"{platform.node()}. Remove the folder `prepared` there, run `mtlray data verify`, and then `mtlray retry`."
        )
    return dataset


def _checkpoint(ledger: Ledger, trial: TrialSpec, fingerprint: str, log: "_AttemptLog") -> Checkpoint | None:
    data = ledger.read_checkpoint(trial.trial_id)
    if data is None:
        return None
    try:
        checkpoint = Checkpoint.from_bytes(data, trial.trial_id)
        if checkpoint.data_fingerprint not in ("", fingerprint):
            raise ResultsError(
                f"The checkpoint was trained on other data, of fingerprint {checkpoint.data_fingerprint}."
            )
        return checkpoint
    except ResultsError as error:
        log.add(f"{error} It was set aside; the trial starts again.")
        ledger.set_checkpoint_aside(trial.trial_id)
        return None


def _device(config: RunConfig) -> torch.device:
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


def _about(
    job: Job, trials: Sequence[TrialSpec], log: "_AttemptLog", device: torch.device, seconds: float
) -> Circumstances:
    return Circumstances(
        sweep=job.sweep,
        fingerprint=job.fingerprints[trials[0].dataset.label],
        commit=job.commit,
        device=log.device_name,
        pack_size=len(trials),
        attempts=log.attempt,
        seconds=seconds,
    )


class _AttemptLog:
    """The log of one start of one trial, rewritten whole at each entry so that it is never torn."""

    def __init__(self, ledger: Ledger, trial: TrialSpec, device: torch.device) -> None:
        self._ledger = ledger
        self._trial_id = trial.trial_id
        self.device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
        self.attempt = ledger.attempts(trial.trial_id) + 1
        self._lines = [f"trial {trial.trial_id}: {trial.canonical}"]
        self.add(f"attempt {self.attempt} on {platform.node()}, {self.device_name}, process {os.getpid()}")

    def add(self, line: str) -> str:
        """Append a line; returns where the log lies."""
        self._lines.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}")
        return self._ledger.write_log(self._trial_id, self.attempt, "\n".join(self._lines) + "\n")
