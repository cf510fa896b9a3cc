"""A trial's own folder, trials/<trial_id>/: its attempts, a log for each, and its checkpoints and curve while it runs."""

import contextlib
import io
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from mtlray.errors import ResultsError
from mtlray.results.attempts import Attempt, settled
from mtlray.results.generations import Generations
from mtlray.storage.failpoints import failpoint
from mtlray.storage.seal import facts_of, sealed
from mtlray.storage.store import Store
from mtlray.words.masking import masked


@dataclass(frozen=True, slots=True, eq=False)
class LiveCurve:
    """Where an unfinished trial stood at its last checkpoint: `step` of `steps`, and a row for each evaluation so far.

    `rows` has the columns of the curves of finished trials; `seconds` are those of training. Nothing continues from it.
    """

    step: int
    steps: int
    seconds: float
    rows: pa.Table

    def to_bytes(self) -> bytes:
        """A sealed Parquet file."""
        return sealed(self.rows, {"step": self.step, "steps": self.steps, "seconds": self.seconds})

    @classmethod
    def from_bytes(cls, data: bytes) -> "LiveCurve":
        """Raises ResultsError where a byte is not as it was written, or something else wrote it."""
        try:
            facts = facts_of(data) or {}
            rows = pq.read_table(io.BytesIO(data)).replace_schema_metadata(None)
            return cls(facts["step"], facts["steps"], facts["seconds"], rows)
        except (
            pa.ArrowException,
            OSError,
            ValueError,
            KeyError,
        ) as error:  # OSError is Arrow's for a page that is damaged
            raise ResultsError(f"The curve of a running trial does not open: {error}.") from error


class TrialFolder:
    """The only class that knows which files lie in a trial's folder.

    attempts.json      every start: where, and how it ended
    attempt-<n>.log    one log for each start
    checkpoint-<n>.pt  the two newest, while the trial is unfinished
    curve.parquet      the curve up to the newest, while the trial is unfinished
    *.damaged          checkpoints that did not load

    One process at a time writes to it. Whatever writes raises OSError.
    """

    def __init__(self, store: Store, trial_id: str) -> None:
        self.trial_id = trial_id
        self.checkpoints = Generations(store, f"trials/{trial_id}")
        self._store = store
        self._path = f"trials/{trial_id}"
        self._attempts_file = f"{self._path}/attempts.json"
        self._curve_file = f"{self._path}/curve.parquet"

    def start(self, launch: str, spec: str, device: str) -> "AttemptLog":
        """Note a new attempt, by this process, and begin its log, which names the trial's `spec` and the device."""
        return AttemptLog(self, self.begin(launch, platform.node(), os.getpid()), spec, device)

    # -- attempts

    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts, oldest first. A file that does not open leaves their number, from their logs, and no reasons."""
        try:
            entries = json.loads(self._store.read(self._attempts_file))
            return tuple(Attempt(**entry) for entry in entries)
        except (FileNotFoundError, ValueError, TypeError):  # none, or damaged
            pass
        logs = sum(name.endswith(".log") for name in self._store.names(self._path))
        return tuple(Attempt(n + 1, "", "", 0, "interrupted") for n in range(logs))

    def begin(self, launch: str, host: str, process: int) -> tuple[Attempt, ...]:
        """Note a new attempt, and how the one before ended if it could not say so itself; returns all."""
        attempts = settled(self.attempts(), launch)
        attempts = (*attempts, Attempt(len(attempts) + 1, launch, host, process))
        self._write(attempts)
        failpoint("attempt-started")
        return attempts

    def finish(self, attempts: Sequence[Attempt], end: str, reason: str) -> None:
        """Note how the last of the attempts ended; `end` is one of `mtlray.results.attempts.ENDS`."""
        self._write([*attempts[:-1], replace(attempts[-1], end=end, reason=masked(reason)[:500])])
        failpoint("attempt-ended")

    def settle(self, launch: str) -> tuple[Attempt, ...]:
        """Note how an attempt ended that could not say so itself; returns all. Nothing is written where there is none."""
        attempts = settled(self.attempts(), launch)
        if attempts:
            self._write(attempts)
        return attempts

    def note_hang(self, reason: str) -> None:
        """Note that the attempt that runs now hangs, before its worker is killed."""
        attempts = self.attempts()
        if attempts and not attempts[-1].end:
            self.finish(attempts, "hung", reason)

    def forgive(self) -> None:
        """Stop counting the attempts made so far."""
        attempts = self.attempts()
        if attempts:
            self._write([replace(attempt, forgiven=True) for attempt in attempts])

    def _write(self, attempts: Sequence[Attempt]) -> None:
        text = json.dumps([asdict(attempt) for attempt in attempts], indent=1)
        self._store.write(self._attempts_file, text.encode(), durable=False)

    # -- the curve so far

    def write_curve(self, curve: LiveCurve) -> None:
        """Store the curve so far, for whoever watches; a disk or store that refuses it now is no reason to end the trial."""
        with contextlib.suppress(OSError):
            self._store.write(self._curve_file, curve.to_bytes(), durable=False)

    def read_curve(self) -> LiveCurve | None:
        """The curve so far; None where none is kept. Raises ResultsError where it is damaged, and StoreError."""
        try:
            return LiveCurve.from_bytes(self._store.read(self._curve_file))
        except FileNotFoundError:
            return None

    def tidy(self) -> None:
        """Remove what only an unfinished trial needs: its curve so far, and then its checkpoints. Raises OSError."""
        if self._store.exists(self._curve_file):
            self._store.delete(self._curve_file)
        self.checkpoints.delete()

    # -- logs

    def log_path(self, number: int) -> str:
        """Where the log of an attempt lies, for a message."""
        return self._store.where(self._log(number))

    def write_log(self, number: int, text: str) -> None:
        """Store the log of an attempt, whole, so that it is never torn; credentials in URIs are masked."""
        self._store.write(self._log(number), masked(text).encode(), durable=False)

    def read_log(self, number: int) -> str:
        """Raises OSError."""
        return self._store.read(self._log(number)).decode()

    def _log(self, number: int) -> str:
        return f"{self._path}/attempt-{number}.log"


class AttemptLog:
    """The log of one start, which is written whole at each entry, and the note of how it ended. Raises OSError."""

    def __init__(self, folder: TrialFolder, attempts: Sequence[Attempt], spec: str, device: str) -> None:
        self._folder, self._attempts = folder, attempts
        self.attempt = attempts[-1].number
        self.path = folder.log_path(self.attempt)
        self._lines = [f"trial {folder.trial_id}: {spec}"]
        for before in attempts[:-1]:
            self._lines.append(f"attempt {before.number} on {before.host}: {before.end} {before.reason}".rstrip())
        this = attempts[-1]
        self.add(f"attempt {this.number} on {this.host}, {device}, process {this.process}")

    def add(self, line: str) -> None:
        """Append a line."""
        self._lines.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}")
        self._folder.write_log(self.attempt, "\n".join(self._lines) + "\n")

    def finish(self, end: str, reason: str) -> None:
        """Note how the attempt ended; `end` is one of `mtlray.results.attempts.ENDS`."""
        self._folder.finish(self._attempts, end, reason)
