"""Curves: those of running trials as far as their last checkpoint, and of the trials that finished last."""

import contextlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mtlray.analysis.watch.trials import Trials
from mtlray.errors import ResultsError, StoreError
from mtlray.results.ledger import Ledger
from mtlray.results.states import TrialState
from mtlray.results.trial_folder import LiveCurve

_MOST_POINTS = 300  # of one line
_MOST_FINISHED = 40  # lines of finished trials, the newest that are known
_MOST_RUNNING = 100
_ENDED = (TrialState.DONE, TrialState.DIVERGED, TrialState.PRUNED)


@dataclass(slots=True)
class CurveReader:
    """Keeps the curves of running trials, read anew each time, and of finished ones, each read once."""

    ledger: Ledger
    requests: int = 0
    live: dict[str, LiveCurve] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    """Curves of running trials that do not open."""
    _finished: dict[str, pa.Table | None] = field(default_factory=dict)

    def read(self, trials: Trials) -> None:
        """Raises StoreError."""
        self.live, self.damaged = {}, []
        for trial in trials.running()[:_MOST_RUNNING]:
            trial_id = trial["trial_id"]
            self.requests += 1
            try:
                curve = self.ledger.folder(trial_id).read_curve()
            except StoreError:
                raise
            except ResultsError:
                self.damaged.append(f"trials/{trial_id}/curve.parquet")
                continue
            if curve is not None:
                self.live[trial_id] = curve
        self._read_finished(trials)

    def _read_finished(self, trials: Trials) -> None:
        ended = {
            trial["trial_id"]: str(trial["dataset"])
            for trial in trials.planned
            if trials.states[trial["trial_id"]] in _ENDED
        }
        for gone in self._finished.keys() - ended.keys():
            del self._finished[gone]
        new = [trial_id for trial_id in ended if trial_id not in self._finished][-_MOST_FINISHED:]
        folders = {shards.folder: shards for shards in self.ledger.shards()} if new else {}
        for trial_id in new:
            shards = folders.get(f"curves/{ended[trial_id]}")
            self.requests += 1
            self._finished[trial_id] = None if shards is None else shards.table(f"{trial_id}.parquet")
        for trial_id in ended:  # what came before the newest, so that it is not asked for again
            self._finished.setdefault(trial_id, None)
        kept = [trial_id for trial_id, table in self._finished.items() if table is not None]
        for trial_id in kept[:-_MOST_FINISHED]:
            self._finished[trial_id] = None

    def measures(self, dataset: str, trials: Trials) -> list[str]:
        """What the curves of a data set can show, the validation score first."""
        names: dict[str, None] = {}
        for _, table in self._of(dataset, trials):
            for column in table.schema:
                known = column.name.startswith(("val/", "test/", "train/"))
                if known and table.column(column.name).null_count < table.num_rows:
                    names[column.name] = None
        return sorted(names, key=lambda name: (name != "val/score", not name.endswith("/score")))

    def series(self, dataset: str, measure: str, trials: Trials) -> list[dict[str, Any]]:
        """One line for each trial that has values of a measure, the running ones last, so that they lie on top."""
        lines = []
        by_id = {trial["trial_id"]: trial for trial in trials.planned}
        for trial_id, table in self._of(dataset, trials):
            if measure not in table.column_names:
                continue
            points = _points(table.column("step").to_pylist(), table.column(measure).to_pylist())
            if points:
                trial = by_id[trial_id]
                label = {key: trial[key] for key in ("trial_id", "strategy", "fraction", "seed")}
                lines.append({**label, "running": trial_id in self.live, "points": points})
        return sorted(lines, key=lambda line: bool(line["running"]))

    def _of(self, dataset: str, trials: Trials) -> Iterable[tuple[str, pa.Table]]:
        tables: Mapping[str, pa.Table | None] = self._finished | {i: curve.rows for i, curve in self.live.items()}
        for trial in trials.planned:
            table = tables.get(trial["trial_id"])
            if table is not None and trial["dataset"] == dataset:
                yield trial["trial_id"], table


def _points(steps: list[Any], values: list[Any]) -> list[tuple[int, float]]:
    """The finite points of a line, thinned where there are very many; the last one stays."""
    points = []
    for step, value in zip(steps, values, strict=True):
        with contextlib.suppress(TypeError, ValueError):
            if math.isfinite(float(value)):
                points.append((int(step), float(value)))
    every = max(1, math.ceil(len(points) / _MOST_POINTS))
    return points[::-1][::every][::-1]
