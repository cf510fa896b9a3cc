"""One finished trial as trackers take it: a name, a group, hyperparameters, scalars by step, and final numbers."""

import importlib
import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from mtlray.errors import LaunchError
from mtlray.results.kept import kept_files
from mtlray.results.ledger import Ledger
from mtlray.words.values import per_cent

_KEYS = ("trial_id", "strategy", "fraction", "seed", "step")


@dataclass(frozen=True, kw_only=True)
class TrackedTrial:
    """`group` is the cell that the seeds of a trial share; `scalars` are `(step, {name: value})`, finite values alone."""

    sweep: str
    trial_id: str
    group: str
    name: str
    state: str
    parameters: Mapping[str, Any]
    scalars: tuple[tuple[int, dict[str, float]], ...]
    final: Mapping[str, float]
    kept: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The files of its kept network by name; see `mtlray.results.kept`."""


def scalars_of(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of one row of a curve by name, without nulls and what is not finite."""
    values = {name: value for name, value in row.items() if name not in (*_KEYS, "strategy_scalars")}
    values |= {f"strategy/{name}": value for name, value in dict(row.get("strategy_scalars") or {}).items()}
    return {
        name: float(value) for name, value in values.items() if isinstance(value, int | float) and math.isfinite(value)
    }


def finished_trials(ledger: Ledger, trial_ids: Collection[str]) -> Iterator[TrackedTrial]:
    """The finished trials among `trial_ids`, by cell and seed; one data set's curves are in memory at a time."""
    rows: dict[str, list[dict[str, Any]]] = {}
    wanted = set(trial_ids)
    for row in ledger.summary()[0].to_pylist():
        if row["trial_id"] in wanted:
            rows.setdefault(row["trial_id"], []).append(row)
    for dataset in sorted({found[0]["dataset"] for found in rows.values()}):
        curves: dict[str, list[tuple[int, dict[str, float]]]] = {}
        table = ledger.curves(dataset)
        for row in table.to_pylist() if table is not None else []:
            curves.setdefault(row["trial_id"], []).append((row["step"], scalars_of(row)))
        mine = [found for found in rows.values() if found[0]["dataset"] == dataset]
        for found in sorted(mine, key=lambda found: (_group(found[0]), found[0]["seed"], found[0]["trial_id"])):
            trial_id = found[0]["trial_id"]
            tracked = _tracked(ledger.sweep, found, sorted(curves.get(trial_id, []), key=lambda entry: entry[0]))
            yield replace(tracked, kept=kept_files(ledger.store, dataset, trial_id))


def _group(row: Mapping[str, Any]) -> str:
    return f"{row['dataset']} {row['strategy']} {per_cent(row['fraction'])}%"


def _tracked(sweep: str, rows: list[dict[str, Any]], scalars: list[tuple[int, dict[str, float]]]) -> TrackedTrial:
    first = rows[0]
    final = {
        f"{pick}/{row['task']}/{row['metric']}": row[pick]
        for row in rows
        for pick in ("at_joint_val", "at_best_val", "best_test", "last")
        if row[pick] is not None and math.isfinite(row[pick])
    }
    return TrackedTrial(
        sweep=sweep,
        trial_id=first["trial_id"],
        group=_group(first),
        name=f"{first['strategy']} {per_cent(first['fraction'])}% seed {first['seed']}",
        state=first["state"],
        parameters={
            "dataset": first["dataset"],
            "model": first["model"],
            "strategy": first["strategy"],
            "fraction": first["fraction"],
            "seed": first["seed"],
            "steps": first["steps"],
            "spec": first["spec"],
            "versions": json.loads(first["versions"])["mtlray"],
        },
        scalars=tuple(scalars),
        final=final,
    )


def need(module: str, package: str) -> ModuleType:
    """A tracker's own package. Raises LaunchError with the line that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise LaunchError(
            f"This export needs the package `{package}`. Importing it failed: {error}. Install it with `pip install {package}`."
        ) from error
