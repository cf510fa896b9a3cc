"""Follower: a sweep's folder as the page shows it, read when somebody looks and not more often than the folder can bear."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from mtlray.analysis.grid.load import open_ledger
from mtlray.analysis.watch.curves import CurveReader
from mtlray.analysis.watch.description import described, share
from mtlray.analysis.watch.trials import TrialReader, Trials
from mtlray.errors import MtlrayError
from mtlray.results.attempts import Attempt
from mtlray.results.ledger import Ledger
from mtlray.words.masking import masked

_HERE, _STORE = 2.0, 15.0  # seconds between two readings of a disk and of an object store, at least
_AT_REST = 60.0  # the same of an object store where nobody works on the sweep
_REQUESTS_PER_SECOND = 5.0  # to an object store, on average
_SPEED_AFTER = 20.0  # seconds until a speed is told


class Follower:
    """Reads a sweep's folder, `RESULTS/<sweep>` or the results folder of one sweep, which need not be there yet.

    `trials` replaces the list of its sweep.json. Several threads may ask at once; one of them reads. Changes nothing.
    """

    def __init__(self, results: str, trials: Sequence[Mapping[str, Any]] | None = None) -> None:
        self.results, self.trials = results, trials
        self._is_local = "://" not in results or results.startswith("file://")
        self._lock = threading.Lock()
        self._reading: _Reading | None = None
        self._state: dict[str, Any] = {"ready": False, "trouble": ""}
        self._due = 0.0

    def state(self) -> dict[str, Any]:
        """How far the sweep is, in JSON values. A folder that cannot be read now leaves the last state, with the `trouble`."""
        with self._lock:
            self._look()
            return self._state

    def curves(self, dataset: str, measure: str) -> dict[str, Any]:
        """The lines of a measure on a data set, and the measures that there are; the first of them for an unknown one."""
        with self._lock:
            self._look()
            if self._reading is None or self._reading.found is None:
                return {"dataset": "", "measure": "", "measures": [], "lines": []}
            return self._reading.lines(self._reading.found, dataset, measure)

    def _look(self) -> None:
        """Read the folder, if it is time to."""
        began = time.monotonic()
        if began < self._due:
            return
        before = 0 if self._reading is None else self._reading.requests
        try:
            if self._reading is None:
                self._reading = _Reading(open_ledger(self.results), self.trials)
            self._state = self._reading.read() | {"ready": True, "trouble": ""}
        except (MtlrayError, OSError) as error:
            self._state = self._state | {"trouble": masked(str(error))}
        requests = 0 if self._reading is None else self._reading.requests - before
        interval = self._interval(requests, time.monotonic() - began)
        self._state |= {"interval": interval}
        self._due = time.monotonic() + interval - 0.1  # the page asks after `interval`, and should not come too early

    def _interval(self, requests: int, took: float) -> float:
        """Seconds until the next reading: a slow disk and a store that charges for requests are asked less often."""
        least = _HERE
        if not self._is_local:
            resting = self._state["ready"] and not self._state["drivers"]
            least = max(_AT_REST if resting else _STORE, requests / _REQUESTS_PER_SECOND)
        return round(max(least, 4 * took), 1)


class _Reading:
    """One folder, with what is known of it already."""

    def __init__(self, ledger: Ledger, trials: Sequence[Mapping[str, Any]] | None) -> None:
        self.found: Trials | None = None
        self._ledger = ledger
        self._trials, self._curves = TrialReader(ledger, trials), CurveReader(ledger)
        self._attempts: dict[str, tuple[Attempt, ...]] = {}
        self._began: tuple[float, float] | None = None  # when the first progress was seen, and what it was

    @property
    def requests(self) -> int:
        """About how many files and listings were asked for."""
        return self._trials.requests + self._curves.requests

    def read(self) -> dict[str, Any]:
        """The sweep as it is now. Raises ResultsError where the folder holds none, and StoreError."""
        found = self._trials.read()
        self._curves.read(found)
        self._read_attempts(found)
        self.found = found
        left = self._left(share(found, self._curves.live))
        return described(found, self._curves.live, self._attempts, self._curves.damaged) | {"left": left}

    def lines(self, found: Trials, dataset: str, measure: str) -> dict[str, Any]:
        datasets = list(dict.fromkeys(str(trial["dataset"]) for trial in found.planned))
        dataset = dataset if dataset in datasets else next(iter(datasets), "")
        measures = self._curves.measures(dataset, found)
        measure = measure if measure in measures else next(iter(measures), "")
        lines = self._curves.series(dataset, measure, found)
        return {"dataset": dataset, "measure": measure, "measures": measures, "lines": lines}

    def _read_attempts(self, found: Trials) -> None:
        """How often each running trial was started, read once each time that it is seen to begin."""
        running = {trial["trial_id"] for trial in found.running()}
        self._attempts = {i: attempts for i, attempts in self._attempts.items() if i in running}
        for trial_id in running - self._attempts.keys():
            self._trials.requests += 1
            self._attempts[trial_id] = self._ledger.folder(trial_id).attempts()

    def _left(self, done: float) -> float | None:
        """Seconds left at the speed since this began to look; None while that is not known."""
        now = time.monotonic()
        if self._began is None or done < self._began[1]:
            self._began = now, done
        at, before = self._began
        if done >= 1 or done <= before or now - at < _SPEED_AFTER:
            return None
        return (1 - done) * (now - at) / (done - before)
