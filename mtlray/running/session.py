"""A session: one launch of a sweep, and what its trials report to while they run."""

from collections.abc import Callable, Collection, Sequence

from mtlray.errors import LaunchError
from mtlray.running.pack import Job, give_up
from mtlray.running.progress import Display
from mtlray.running.signals import Stop
from mtlray.specs import TrialSpec

Pack = tuple[TrialSpec, ...]


class Session:
    """Counts failures, stops the sweep after too many, and says which trials run."""

    def __init__(
        self,
        job: Job,
        display: Display,
        stop: Stop,
        note_running: Callable[[Collection[str]], None] = lambda trial_ids: None,
    ) -> None:
        self.job, self.display, self.stop = job, display, stop
        self.failed = 0
        self._note_running = note_running
        self._running: set[str] = set()

    def started(self, pack: Pack) -> None:
        self._running |= {trial.trial_id for trial in pack}
        self._note_running(self._running)

    def left(self, pack: Pack) -> None:
        """A pack runs no longer, with a result or without."""
        self._running -= {trial.trial_id for trial in pack}
        self._note_running(self._running)

    def step(self, pack: Pack, step: int) -> None:
        for trial in pack:
            self.display.step(trial, step)

    def ended(self, pack: Pack, ended: Sequence[tuple[str, str]]) -> None:
        """What `run_pack` returned."""
        for trial, (state, text) in zip(pack, ended, strict=True):
            if state == "postponed":
                self.display.note(f"postponed: {trial.trial_id} runs again beside fewer others: {text}")
            elif state != "interrupted":
                self.display.ended(trial, state, text)
                self._count(state)

    def give_up(self, pack: Pack, reason: str) -> None:
        """Commit a pack as failed from outside. Raises LaunchError where results cannot be written."""
        reason = " ".join(reason.split())[:500]
        for trial in pack:
            try:
                give_up(trial, self.job, reason)
            except OSError as error:
                raise LaunchError(
                    f"Results should go to {self.job.config.results}. Found: {error}. "
                    "The same command goes on once that is mended."
                ) from error
            self.display.ended(trial, "failed", reason)
            self._count("failed")

    def _count(self, state: str) -> None:
        self.failed += state == "failed"
        limit = self.job.policy.max_failed
        if limit is not None and self.failed >= limit and not self.stop.asked:
            self.stop.too_many_failed = True
            self.display.note(f"Stopping: {self.failed} trials failed, and --max-failed is {limit}.")
            self.stop.draining.set()
