"""Checks of a sweep's whole grid: data sets that go together, trials that tables can tell apart, steps to embed at."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtlray.checks import require
from mtlray.data import DatasetSpec
from mtlray.errors import SpecError
from mtlray.specs.axes import Axes
from mtlray.specs.trial import TrialSpec
from mtlray.words.names import is_plain
from mtlray.words.values import shortest, shown

if TYPE_CHECKING:
    from mtlray.specs.sweep import SweepSpec


def require_dataset(sweep: "SweepSpec", dataset: DatasetSpec, namesake: DatasetSpec) -> None:
    """Raise SpecError where a data set has no name for a folder, one that another has, or no split that the selection needs."""
    if not is_plain(dataset.label):
        raise SpecError(
            f"The label of data set `{dataset}` should be a name in one line, without slashes, that does not begin with a "
            f"point, because it names a folder. Found `{dataset.label!r}`."
        )
    if dataset != namesake:
        raise SpecError(
            f"Sweep {sweep.name} has two data sets named `{dataset.label}`: {_apart(namesake, dataset)}. Results are stored "
            "under that name. Give each a name of its own: `name` of an ArrayDataset or TorchDataset, `label` of a class."
        )
    if sweep.selection in ("best_val", "best_val_per_task") and dataset.n_examples("val") == 0:
        raise SpecError(
            f"Sweep {sweep.name} selects evaluations by `{sweep.selection}`, and {dataset.label} has no validation examples. "
            'Hold some out of the training data with `val_digits=...`, or let nothing select, with `selection="last"` or '
            '`"mean_last_10"`. The paper\'s rule is `"best_test"`, which is optimistic.'
        )


def _apart(one: DatasetSpec, two: DatasetSpec) -> str:
    """Two data sets by the fields in which they differ, whose values may be long."""
    if type(one) is not type(two):
        return f"`{shown(one)}` and `{shown(two)}`"
    pairs = [(f.name, getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(one) if f.compare]
    pairs = [pair for pair in pairs if pair[1] != pair[2]]
    pairs = [pair for pair in pairs if pair[0] != "tasks"] or pairs  # a task may hold what follows from the rest
    return ", ".join(f"one with `{n} = {shown(a)}` and one with `{n} = {shown(b)}`" for n, a, b in pairs)


def require_score(sweep: "SweepSpec", trial: TrialSpec) -> None:
    """Raise SpecError where the sweep selects by a score that its trials will not have: its tables would be empty."""
    without = next((task for task in trial.tasks if task.lacks_scale), None)
    if sweep.selection in ("best_val", "best_test_joint") and without is not None:
        raise SpecError(
            f"Sweep {sweep.name} selects evaluations by `{sweep.selection}`, a score over the first metrics of all tasks. Metric "
            f"{without.metrics[0].name} of task {without.name} has no scale for one: it names no perfect value, or no best "
            'constant prediction. Put a metric of mtlray\'s before it, or choose `selection="best_val_per_task"`.'
        )


def require_embedding(sweep: "SweepSpec", trials: Sequence[TrialSpec]) -> None:
    """Raise SpecError for steps to embed at that no trial reaches, and for models without one representation."""
    longest = max(trial.steps for trial in trials)
    for step in sweep.embed_at:
        require(1 <= step <= longest, "embed_at", f"lie within the {longest} steps of the longest trial", step)
    several = next((trial.model for trial in trials if not trial.model.single_representation), None)
    if sweep.embed_at and several is not None:
        raise SpecError(
            f"Parameter `embed_at` should be left out for models whose heads read several tensors. Found {several.label}."
        )


def repeated(sweep: "SweepSpec", trial: TrialSpec) -> SpecError:
    """The error for a trial that two cells of a grid make."""
    return SpecError(
        f"Sweep {sweep.name} holds the same trial twice: {trial.strategy.label}, fraction {shortest(trial.fraction)}, "
        f"{_axes(sweep, trial)}seed {trial.seed}. Remove the repeated entry from its axes, or the rule that makes two cells "
        "equal."
    )


def clash(sweep: "SweepSpec", one: TrialSpec, two: TrialSpec) -> SpecError:
    """The error for two trials of one configuration and seed, which differ in something that is no axis."""
    pairs = ((f.name, getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(TrialSpec))
    differ = "; ".join(f"{name} is `{a}` and `{b}`" for name, a, b in pairs if a != b)
    return SpecError(
        f"Sweep {sweep.name} has two trials that a table cannot tell apart, both {one.strategy.label} on "
        f"{one.dataset.label}, fraction {shortest(one.fraction)}, {_axes(sweep, one)}seed {one.seed}: {differ}. Give the "
        "strategy class its own `key`, or change a hyperparameter."
    )


def _axes(sweep: "SweepSpec", trial: TrialSpec) -> str:
    found = Axes(sweep.axes).of(trial).items()
    return "".join(f"{name} {shortest(value)}, " for name, value in found)
