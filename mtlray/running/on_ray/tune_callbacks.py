"""What Ray Tune calls back on the driver. Nothing here writes results, and nothing raises: an exception would end the sweep."""

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ray import cloudpickle, tune
from ray.exceptions import RayActorError
from ray.tune.stopper import Stopper

from mtlray.planning.wording import name
from mtlray.results.states import TrialState
from mtlray.running.on_ray.shortage import Shortage
from mtlray.running.session import Pack, Session
from mtlray.running.signals import Stop

_LOOK_SECONDS = 1.0


class StopWhenAsked(Stopper):
    """Ends the experiment at once when asked to, or when all trials have saved a checkpoint while it drains."""

    def __init__(self, stop: Stop, is_idle: Callable[[], bool]) -> None:
        self._stop, self._is_idle = stop, is_idle

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        return self._stop.now.is_set() or (self._stop.draining.is_set() and self._is_idle())

    def __reduce__(self) -> tuple[Any, ...]:
        return (tune.stopper.NoopStopper, ())  # Tune pickles it into its state file, which is never read


class Watch(tune.Callback):
    """Follows which packs run, tells the session, kills workers that hang, and passes a request to stop on to the workers."""

    def __init__(
        self, packs: Sequence[Pack], session: Session, drain: Callable[[], None], hung: Callable[[Pack, Any], None]
    ) -> None:
        self._packs, self._session = packs, session
        self._drain, self._hung = drain, hung
        self._alive: dict[int, tuple[float, Any]] = {}  # when a running pack last reported, and its Tune trial
        self._before_draining: set[int] | None = None
        self._looked = 0.0
        self.postponed: set[int] = set()
        self.failed: dict[int, Exception] = {}
        """What Tune gave up, with the last error; its own results name no pack for what failed before a first report."""

    @property
    def running(self) -> set[int]:
        """Indices of the packs that run."""
        return set(self._alive)

    def is_idle(self) -> bool:
        """Whether all packs that ran when the draining began have ended."""
        return self._before_draining is not None and not self._before_draining & self.running

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            self._alive[trial.config["pack"]] = (time.monotonic(), trial)
            self._session.started(self._packs[trial.config["pack"]])

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            index = trial.config["pack"]
            self._alive[index] = (time.monotonic(), trial)
            if "ended" not in result:
                self._session.step(self._packs[index], result["step"])
                return
            if any(ending.state is TrialState.POSTPONED for ending in result["ended"]):
                self.postponed.add(index)
            self._session.ended(self._packs[index], result["ended"])

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            self._left(trial.config["pack"])

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            error = _error_of(trial)
            lost = "its worker was lost" if isinstance(error, RayActorError) else ""
            shown = " ".join(repr(getattr(error, "cause", error)).split())[:200]
            cause = str(Shortage.of(error) or lost or shown)
            for spec in self._packs[trial.config["pack"]]:
                self._session.display.note(f"starts again: {name(spec)}: {cause}")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            self.failed[trial.config["pack"]] = _error_of(trial)
            self._left(trial.config["pack"])

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            if self._session.stop.draining.is_set() and self._before_draining is None:
                self._drain()  # at once: Tune starts the next trial in its next step
                self._before_draining = self.running
            if time.monotonic() - self._looked < _LOOK_SECONDS:
                return
            self._looked = time.monotonic()
            self._session.display.refresh()
            self._look_for_hangs()

    def _look_for_hangs(self) -> None:
        limit = self._session.job.policy.hang_seconds
        for index, (at, trial) in list(self._alive.items()):
            if limit and time.monotonic() - at > limit:
                self._alive[index] = (time.monotonic(), trial)
                self._session.display.note(f"no progress for {limit:g} s, killing its worker: {self._names(index)}")
                self._hung(self._packs[index], trial)

    def _names(self, index: int) -> str:
        return ", ".join(spec.trial_id for spec in self._packs[index])

    def _left(self, index: int) -> None:
        self._alive.pop(index, None)
        self._session.left(self._packs[index])

    def __reduce__(self) -> tuple[Any, ...]:
        return (tune.Callback, ())  # Tune pickles its callbacks; a session does not pickle and is not needed back


def _error_of(trial: Any) -> Exception:
    """The last error of a Tune trial, or the text of all where one tells of a shortage of memory. Tune has just written both."""
    found: list[Exception] = []
    with contextlib.suppress(Exception):
        found.append(RuntimeError(Path(trial.error_file).read_text(encoding="utf-8", errors="replace").strip()))
    with contextlib.suppress(Exception):  # of some kinds of errors there is nothing but a text
        found.append(cloudpickle.loads(Path(trial.pickled_error_file).read_bytes()))
    return next(filter(Shortage.of, found), found[-1] if found else RuntimeError("unknown"))
