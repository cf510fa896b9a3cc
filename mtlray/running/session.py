"""A session: one launch of a sweep, which its trials report to while they run, and what runs them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence

from mtlray.errors import LaunchError
from mtlray.planning.text import Workers
from mtlray.results.states import Ending, TrialState
from mtlray.running.giving_up import give_up
from mtlray.running.job import Job
from mtlray.running.progress import Display
from mtlray.running.signals import Stop
from mtlray.specs import RunConfig, TrialSpec

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
        """A pack has started."""
        self._running |= {trial.trial_id for trial in pack}
        self._note_running(self._running)

    def left(self, pack: Pack) -> None:
        """A pack has ended, with or without a result."""
        self._running -= {trial.trial_id for trial in pack}
        self._note_running(self._running)

    def step(self, pack: Pack, step: int) -> None:
        """A pack has reached a step."""
        for trial in pack:
            self.display.step(trial, step)

    def ended(self, pack: Pack, endings: Sequence[Ending]) -> None:
        """What `run_pack` returned."""
        for trial, ending in zip(pack, endings, strict=True):
            if ending.state is TrialState.POSTPONED:
                self.display.note(f"postponed: {trial.trial_id} runs again with fewer trials at once: {ending.text}")
            elif ending.state.is_finished:
                self._count(trial, ending)

    def give_up(self, pack: Pack, reason: str, job: Job) -> None:
        """Commit a pack as failed from outside; `job` is the one it was started with.

        Raises LaunchError where results cannot be written.
        """
        ending = Ending(TrialState.FAILED, " ".join(reason.split())[:500])
        for trial in pack:
            try:
                give_up(trial, job, ending.text)
            except OSError as error:
                raise LaunchError(
                    f"Results should be written to {job.config.results}. Found: {error}. "
                    "Fix that, then run the same command again to continue."
                ) from error
            self._count(trial, ending)

    def _count(self, trial: TrialSpec, ending: Ending) -> None:
        self.display.ended(trial, ending)
        self.failed += ending.state is TrialState.FAILED
        limit = self.job.policy.max_failed
        if limit is not None and self.failed >= limit and not self.stop.asked:
            self.stop.too_many_failed = True
            self.display.note(f"Stopping: {self.failed} trials failed, and --max-failed is {limit}.")
            self.stop.draining.set()


class Runner(ABC):
    """What runs the packs of a sweep. The numbers of a trial do not depend on which one it is."""

    @abstractmethod
    def workers(self, config: RunConfig) -> Workers:
        """How many trials will run at once, for the plan. Raises SpecError for options that this runner does not support."""

    @abstractmethod
    def check(self) -> None:
        """Raise LaunchError where nothing can run, before anything is written."""

    @abstractmethod
    def run(self, packs: Sequence[Pack], session: Session) -> None:
        """Run packs until all have ended or the session is asked to stop. Raises LaunchError."""
