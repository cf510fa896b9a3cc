"""Attempts: how often a trial was started, how each start ended, and how many of them count against it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from mtlray.errors import StoreError
from mtlray.storage.failpoints import failpoint
from mtlray.storage.store import Store

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
    """Whether `mtlray retry` was called since."""


def read_attempts(store: Store, trial_id: str) -> tuple[Attempt, ...]:
    """All attempts, oldest first. A file that does not open leaves their number, from their logs, and no reasons."""
    try:
        entries = json.loads(store.read(f"trials/{trial_id}/attempts.json"))
        return tuple(Attempt(**entry) for entry in entries)
    except FileNotFoundError:
        pass
    except StoreError:
        raise
    except (OSError, ValueError, TypeError):  # damaged
        pass
    logs = sum(name.endswith(".log") for name in store.names(f"trials/{trial_id}"))
    return tuple(Attempt(n + 1, "", "", 0, "interrupted") for n in range(logs))


def write_attempts(store: Store, trial_id: str, attempts: Sequence[Attempt]) -> None:
    """Raises OSError."""
    text = json.dumps([asdict(attempt) for attempt in attempts], indent=1)
    store.write(f"trials/{trial_id}/attempts.json", text.encode(), durable=False)


def begin(store: Store, trial_id: str, launch: str, host: str, process: int) -> tuple[Attempt, ...]:
    """Note a new attempt and how the one before ended, if it could not say so itself. Raises OSError.

    One that was killed while its driver lived on, so that the same launch starts it again, lost its worker; one of an earlier
    launch ended with its driver.
    """
    attempts = settled(read_attempts(store, trial_id), launch)
    attempts = (*attempts, Attempt(len(attempts) + 1, launch, host, process))
    write_attempts(store, trial_id, attempts)
    failpoint("attempt-started")
    return attempts


def settled(attempts: Sequence[Attempt], launch: str) -> tuple[Attempt, ...]:
    """The attempts with an end for each, as the launch that looks at them must see it."""
    return tuple(
        attempt
        if attempt.end
        else replace(attempt, end="worker lost", reason="killed (SIGKILL?)")
        if attempt.launch == launch
        else replace(attempt, end="interrupted", reason="its driver ended")
        for attempt in attempts
    )


def finish(store: Store, trial_id: str, attempts: Sequence[Attempt], end: str, reason: str) -> None:
    """Note how the last attempt ended. Raises OSError."""
    write_attempts(store, trial_id, [*attempts[:-1], replace(attempts[-1], end=end, reason=reason[:500])])
    failpoint("attempt-ended")


def forgive(store: Store, trial_id: str) -> None:
    """Let the attempts so far count no more. Raises OSError."""
    attempts = read_attempts(store, trial_id)
    if attempts:
        write_attempts(store, trial_id, [replace(attempt, forgiven=True) for attempt in attempts])


def failures(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that count against the trial."""
    return [attempt for attempt in attempts if ENDS.get(attempt.end, False) and not attempt.forgiven]


def history(attempts: Sequence[Attempt]) -> str:
    """How the attempts ended, in words: `worker lost, hung`."""
    return ", ".join(attempt.end or "running" for attempt in attempts)
