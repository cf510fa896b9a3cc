"""The state of a trial, and how a start of it ended."""

from dataclasses import dataclass
from enum import StrEnum


class TrialState(StrEnum):
    """Where a trial stands.

    A finished trial has a summary in the results folder, and only the states of finished trials are stored there:

    - DONE: trained to its last step.
    - DIVERGED: stopped at a loss that is not finite. That is a result.
    - PRUNED: stopped by a search before its last step, because others were better. A larger budget continues it.
    - FAILED: given up: an error that would happen again, or no retries left. It runs again after `mtlray retry`.

    The others follow from the folder and from what the driver writes about itself:

    - WAITING: never started.
    - RUNNING: running now.
    - INTERRUPTED: started, not running now, and without a result. It continues from its checkpoint.
    - DAMAGED: its files do not open or are missing. It runs again.

    One state comes from a worker alone:

    - POSTPONED: out of memory beside other trials. It runs again with fewer trials at once.
    """

    DONE = "done"
    DIVERGED = "diverged"
    PRUNED = "pruned"
    FAILED = "failed"
    WAITING = "waiting"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DAMAGED = "damaged"
    POSTPONED = "postponed"

    @property
    def is_finished(self) -> bool:
        """Whether the trial has a result, so that it does not run again by itself."""
        return self in (TrialState.DONE, TrialState.DIVERGED, TrialState.PRUNED, TrialState.FAILED)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a start of a trial ended. `text` says why; it is empty where all went well."""

    state: TrialState
    text: str = ""
