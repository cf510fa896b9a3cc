"""Failure policy: which errors are temporary, how often a trial is started again, when a sweep stops, and the exit codes."""

from dataclasses import dataclass, field

from mtlray.checks import require, require_seconds
from mtlray.errors import StoreError

# Exit codes, all from the ledger: complete, failed trials, interrupted or incomplete. (2 is a usage error.)
COMPLETE, FAILED, INCOMPLETE = 0, 1, 3
# Stopped by SIGTERM or SIGUSR1 with trials left: run the same command again. EX_TEMPFAIL of sysexits.h.
REQUEUE = 75


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How a launch deals with failures. Never hashed.

    A trial is started again at most `retries` times after a lost worker, a hang or a temporary error, over all launches
    together. The launch stops after `max_failed` failed trials (None: never). A trial without progress for `hang_seconds` is
    killed (0: never). After SIGTERM trials have `grace_seconds` to save a checkpoint. Fields with a help text are options of the
    command line (`mtlray.cli.options`).
    """

    retries: int = 2
    max_failed: int | None = field(default=None, metadata={"help": "Stop after this many failed trials."})
    hang_seconds: float = field(
        default=3600.0,
        metadata={"help": "Kill and restart a trial that makes no progress for this many seconds; 0: never."},
    )
    grace_seconds: float = field(
        default=20.0, metadata={"help": "Seconds that running trials have after SIGTERM to save a checkpoint."}
    )

    def __post_init__(self) -> None:
        require(self.retries >= 0, "retries", "be at least 0", self.retries)
        require(self.max_failed is None or self.max_failed >= 1, "max_failed", "be at least 1", self.max_failed)
        require_seconds("hang_seconds", self.hang_seconds)
        require_seconds("grace_seconds", self.grace_seconds)


class HungError(TimeoutError):
    """A trial made no progress for too long."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a trial that ended with this error may fit with fewer trials at once."""
    import torch  # not at the top: the command line reads the options above

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # torch has no type for the host's memory, and none for that of the libraries that it calls on a device.
    signs = (
        "can't allocate memory", "not enough memory", "CUDA out of memory", "CUDA error: out of memory",
        "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "CUSOLVER_STATUS_ALLOC_FAILED",
    )  # fmt: skip
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def may_pass(error: BaseException) -> bool:
    """Whether the error is temporary: a trial that ended with it may succeed when started again; with others it would not."""
    if is_out_of_memory(error) or isinstance(error, OSError):
        return True
    # torch has no type for a device whose state is lost with the process.
    signs = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "NCCL")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def trouble_with_store(error: BaseException) -> str:
    """What a person is told, with the remedy, where an error says that results cannot be stored or read: then no further trial
    can end well, and none is to blame. Empty for any other error.
    """
    within = getattr(error, "cause", None)  # of Ray's error for one in a worker; others have one that is no error
    cause = within if isinstance(within, BaseException) else error
    if isinstance(cause, StoreError):
        return str(cause)
    signs = ("No space left on device", "Disk quota exceeded", "Read-only file system", "File too large")
    if any(sign in str(error) for sign in signs):
        found = " ".join(str(cause).split())[:300].rstrip(".")
        return f"{found}. Free space for the results, then run the same command again to continue."
    return ""
