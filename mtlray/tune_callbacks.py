"""What Ray Tune calls back on the driver. Nothing here writes results, and nothing raises: an exception would end the sweep."""

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

from ray import tune
from ray.tune.stopper import Stopper

from mtlray.progress import Display
from mtlray.specs import TrialSpec


class StopOnEvent(Stopper):
    """Ends the experiment once an event is set."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        return self._event.is_set()

    def __reduce__(self) -> tuple[Any, ...]:
        return (StopOnEvent, (_Never(),))  # Tune pickles it into its state file, which is never read


class _Never(threading.Event):
    def __reduce__(self) -> tuple[Any, ...]:
        return (_Never, ())


class Watch(tune.Callback):
    """Follows which packs run, and tells the display."""

    def __init__(self, packs: Sequence[tuple[TrialSpec, ...]], display: Display) -> None:
        self._packs = packs
        self._display = display
        self.running: set[int] = set()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            self.running.add(trial.config["pack"])

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            pack = self._packs[trial.config["pack"]]
            if "ended" in result:
                for spec, (state, error) in zip(pack, result["ended"], strict=True):
                    self._display.ended(spec, state, error)
            else:
                for spec in pack:
                    self._display.step(spec, result["step"])

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            self.running.discard(trial.config["pack"])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            self.running.discard(trial.config["pack"])

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        del iteration, trials, info
        with contextlib.suppress(Exception):
            self._display.refresh()

    def __reduce__(self) -> tuple[Any, ...]:
        return (tune.Callback, ())  # Tune pickles its callbacks; a display does not pickle and is not needed back
