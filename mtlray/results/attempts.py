"""Attempts: how each start of a trial ended, and how many of them count against it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

# How an attempt may end. Those that count use up the trial's retries; the others cost it nothing.
ENDS = {
    "finished": False,  # with a result: done, diverged or failed
    "interrupted": False,  # the sweep was stopped, or its driver was lost
    "out of memory": False,  # beside other trials; alone it is a failure
    "worker lost": True,
    "hung": True,
    "error that may pass": True,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One start of a trial. `end` is empty while it runs, and after its process was killed."""

    number: int
    launch: str
    host: str
    process: int
    end: str = ""
    reason: str = ""
    forgiven: bool = False
    """Whether `mtlray retry` has been called since."""


def settled(attempts: Sequence[Attempt], launch: str) -> tuple[Attempt, ...]:
    """The attempts with an end for each, as the launch that looks at them must see it.

    One that was killed while its driver lived on, so that the same launch starts it again, lost its worker; one of an earlier
    launch ended with that.
    """
    return tuple(
        attempt
        if attempt.end
        else replace(attempt, end="worker lost", reason="killed (SIGKILL?)")
        if attempt.launch == launch
        else replace(attempt, end="interrupted", reason="its launch ended")
        for attempt in attempts
    )


def failures(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that count against the trial."""
    return [attempt for attempt in attempts if ENDS.get(attempt.end, False) and not attempt.forgiven]


def history(attempts: Sequence[Attempt]) -> str:
    """How the attempts ended, in words: `worker lost, hung`."""
    return ", ".join(attempt.end or "running" for attempt in attempts)
