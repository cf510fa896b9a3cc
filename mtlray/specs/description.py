"""Description: a resolved sweep as it is stored with its results, for tables that are made without the sweep file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mtlray.results.schema import RESULTS_VERSION
from mtlray.specs.axes import Axes, fields_of
from mtlray.specs.trial import TrialSpec

if TYPE_CHECKING:
    from mtlray.specs.sweep import SweepSpec

_LABELS = ("dataset", "strategy", "optimizer")  # which each entry has under its own keys


def labels(sweep: "SweepSpec", trial: TrialSpec) -> dict[str, Any]:
    """The entry of a trial in the list of trials, as far as `mtlray.results.configuration` reads it."""
    entry: dict[str, Any] = {
        "dataset": trial.dataset.label,
        "strategy": trial.strategy.label,
        "optimizer": trial.optimizer.label,
        "learning_rate": float(trial.optimizer.lr),
        "fraction": trial.fraction,
    }
    return {**entry, "axes": Axes(sweep.axes).of(trial)} if sweep.axes else entry


def describe(sweep: "SweepSpec", trials: Sequence[TrialSpec]) -> dict[str, Any]:
    """The sweep as JSON values. `fields` is what all trials' specs have in common; each trial has what it has besides."""
    known = [{name: value for name, value in fields.items() if name not in _LABELS} for fields in fields_of(trials)]
    first = known[0] if known else {}
    common = {name: value for name, value in first.items() if all(name in of and of[name] == value for of in known)}
    return {
        "name": sweep.name,
        "question": sweep.question,
        "results_version": RESULTS_VERSION,
        "selection": sweep.selection,
        "published": sweep.published,
        **({"tuning_seeds": list(sweep.tuning_seeds)} if sweep.tuning_seeds else {}),
        **({"axes": list(sweep.axes)} if sweep.axes else {}),
        **({"tune": list(sweep.tune)} if sweep.tune else {}),
        "data_origin": {trial.dataset.label: trial.dataset.origin for trial in trials},
        "steps": sorted({trial.steps for trial in trials}),
        "fields": common,
        "trials": [
            {
                "trial_id": trial.trial_id,
                **labels(sweep, trial),
                "seed": trial.seed,
                "tasks": [task.name for task in trial.tasks],
                "fields": {name: value for name, value in of.items() if name not in common},
            }
            for trial, of in zip(trials, known, strict=True)
        ],
    }
