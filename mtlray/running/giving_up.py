"""Giving a trial up: when its retries are used up, and what is noted for a trial whose worker can no longer report."""

from mtlray.results.attempts import failures, settled
from mtlray.results.ledger import Ledger
from mtlray.results.states import TrialState
from mtlray.results.trial_folder import TrialFolder
from mtlray.running.job import Job
from mtlray.running.rows import Circumstances, summary_table
from mtlray.specs import TrialSpec


def spent(folder: TrialFolder, job: Job) -> str:
    """Why a trial is given up before it starts again: its retries are used up. Empty while they are not."""
    counted = failures(settled(folder.attempts(), job.launch))
    if len(counted) <= job.policy.retries:
        return ""
    ends = ", ".join(attempt.end for attempt in counted)
    why = f", last: {counted[-1].reason}" if counted[-1].reason else ""
    return f"given up after {len(counted)} starts ({ends}){why} (log: {folder.log_path(counted[-1].number)})"


def give_up(trial: TrialSpec, job: Job, reason: str) -> None:
    """Commit a trial as failed from outside, after its workers were lost too often. Raises OSError."""
    ledger = job.ledger()
    attempts = ledger.folder(trial.trial_id).settle(job.launch)
    about = Circumstances(
        sweep=job.sweep,
        fingerprint=job.fingerprints[trial.dataset.label],
        commit=job.commit,
        device="",
        pack_size=1,
        attempts=len(attempts),
        seconds=0.0,
    )
    commit_failure(ledger, trial, about, reason)


def commit_failure(ledger: Ledger, trial: TrialSpec, about: Circumstances, message: str) -> None:
    """Commit a trial as failed. Raises OSError."""
    summary = summary_table(trial, TrialState.FAILED, 0, [], about, message)
    ledger.commit(trial.trial_id, trial.dataset.label, None, summary)


def note_hang(trial: TrialSpec, job: Job) -> None:
    """Note that a trial's running attempt hangs, before its worker is killed. Raises OSError."""
    folder = job.ledger().folder(trial.trial_id)
    folder.note_hang(f"no progress for {job.policy.hang_seconds:g} s")
