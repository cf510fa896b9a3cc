"""Trials: what a sweep plans and what became of each trial, read again and again at the price of what is new."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from mtlray.analysis.grid.load import TRIAL_KEYS
from mtlray.errors import ResultsError
from mtlray.results.ledger import Ledger
from mtlray.results.owner import described, present, running
from mtlray.results.shards import MERGED
from mtlray.results.states import TrialState

Record = dict[str, Any]  # of a finished trial, as it is sealed into its summary file

_READ_AGAIN = 60.0  # seconds after which sweep.json is read again, whatever its size


@dataclass(frozen=True, kw_only=True, slots=True)
class Trials:
    """A sweep at one moment: its planned trials, the state of each, the records of those that are finished, and who works on it.

    `damaged` are the files that do not open, `others` the number of finished trials that the sweep does not plan.
    """

    sweep: Mapping[str, Any]
    planned: Sequence[Mapping[str, Any]]
    states: Mapping[str, TrialState]
    records: Mapping[str, Record]
    drivers: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    others: int = 0

    @property
    def counts(self) -> Counter[str]:
        return Counter(str(self.states[trial["trial_id"]]) for trial in self.planned)

    def running(self) -> list[Mapping[str, Any]]:
        """The planned trials that run now."""
        return [trial for trial in self.planned if self.states[trial["trial_id"]] is TrialState.RUNNING]


@dataclass(slots=True)
class TrialReader:
    """Reads `Trials` from a ledger. A summary file is read once, as long as its size stays what it was.

    `trials` replaces the list of sweep.json. `requests` counts about how many files and listings were asked for.
    """

    ledger: Ledger
    trials: Sequence[Mapping[str, Any]] | None = None
    requests: int = 0
    _sweep: dict[str, Any] | None = None
    _sweep_read: tuple[int, float] = (-1, 0.0)
    _files: dict[str, tuple[int, list[Record] | None]] = field(default_factory=dict)

    def read(self) -> Trials:
        """Changes nothing in the folder. Raises ResultsError where it holds no sweep, and StoreError."""
        store = self.ledger.store
        sizes = store.sizes("")
        sweep = self._description(sizes.get("sweep.json", -1))
        planned = self.trials if self.trials is not None else sweep["trials"]
        started = self.ledger.started()
        drivers = present(store)  # before the results, so that what ends meanwhile is not called interrupted
        at_work = running(drivers)
        records, damaged = self._records(at_work)
        self.requests += 4 + len(drivers)
        broken = {PurePosixPath(name).stem for name in damaged}

        def state(trial_id: str) -> TrialState:
            if trial_id in records:
                return TrialState(records[trial_id]["state"])
            if trial_id in at_work:
                return TrialState.RUNNING
            if trial_id in broken:
                return TrialState.DAMAGED
            return TrialState.INTERRUPTED if trial_id in started else TrialState.WAITING

        states = {trial["trial_id"]: state(trial["trial_id"]) for trial in planned}
        return Trials(
            sweep=sweep,
            planned=planned,
            states=states,
            records=records,
            drivers=tuple(described(drivers)),
            damaged=tuple(damaged),
            others=len(records.keys() - states.keys()),
        )

    def _description(self, size: int) -> dict[str, Any]:
        known, at = self._sweep_read
        if self._sweep is not None and size == known and time.monotonic() - at < _READ_AGAIN:
            return self._sweep
        sweep = self.ledger.read_sweep()
        self.requests += 1
        where = self.ledger.store.where("sweep.json")
        if sweep is None:
            raise ResultsError(f"{where} should describe a sweep. There is no such file yet; `mtlray run` writes it.")
        trials = sweep.get("trials") if isinstance(sweep, dict) else None
        if not isinstance(trials, list) or not all(set(TRIAL_KEYS) <= trial.keys() for trial in trials):
            raise ResultsError(
                f"{where} should list a sweep's trials, each with {', '.join(TRIAL_KEYS)}. Found something else. "
                "Launch the sweep again to write it anew; finished trials are kept."
            )
        self._sweep, self._sweep_read = sweep, (size, time.monotonic())
        return sweep

    def _records(self, running: set[str]) -> tuple[dict[str, Record], list[str]]:
        """The records of finished trials by id, and the summary files that do not open."""
        summaries = self.ledger.shards()[0]
        sizes = summaries.sizes()
        for name in [name for name in self._files if name not in sizes or PurePosixPath(name).stem in running]:
            del self._files[name]
        new = [name for name, size in sizes.items() if name not in self._files or self._files[name][0] != size]
        found = summaries.look(new)
        self.requests += 2 + len(new)
        for name in new:
            torn = f"{summaries.folder}/{name}" in found.damaged
            records_of = found.facts.get(name, {}).get("records", [])  # none where it is gone since it was listed
            self._files[name] = (sizes[name], None if torn else records_of)
        records: dict[str, Record] = {}
        damaged = []
        # A trial's own file comes before a merged one that holds it too.
        for name in sorted(self._files, key=lambda name: (name.startswith(MERGED), name)):
            held = self._files[name][1]
            if held is None:
                damaged.append(f"{summaries.folder}/{name}")
            for record in held or ():
                records.setdefault(record["trial_id"], record)
        return records, damaged
