"""A question and the grid of trials that answers it, with the rules that change single cells."""

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mtlray.checks import integer, is_number, require
from mtlray.data import DatasetSpec
from mtlray.errors import SpecError
from mtlray.results.conditions import Condition, condition
from mtlray.results.configuration import configuration
from mtlray.specs.axes import Axes, axes_of, fields_of, has
from mtlray.specs.cells import MOST, Rule, apply_rule, entries, pick
from mtlray.specs.checks import require_object, require_strategy
from mtlray.specs.description import describe, labels
from mtlray.specs.grid_checks import clash, repeated, require_dataset, require_embedding, require_score
from mtlray.specs.hyperparameters import require_fields, require_hyperparameters
from mtlray.specs.optimizer import OptimizerSpec
from mtlray.specs.trial import TrialSpec
from mtlray.strategies import AbstractStrategy


def epochs_over_fraction(epochs: int) -> Rule:
    """The paper's "halve the data, double the epochs", counted in epochs: `round(epochs / fraction)` passes over the subset.

    The default, one budget of steps for all fractions, is the same rule without the rounding.
    """

    def rule(trial: TrialSpec) -> TrialSpec:
        return dataclasses.replace(trial, steps=round(epochs / trial.fraction) * trial.batches_per_epoch)

    return rule


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """A question and the grid of trials that answers it: datasets x strategies x optimizers x fractions x axes x seeds.

    Without `datasets` and `optimizers` those are the base trial's own. Several optimizers are for tuning: of each strategy's,
    a table shows the one that is best on the validation split. `learning_rates` makes them from one.
    `axes` varies any other field of the base: `{"batch_size": (16, 128), "strategy.temperature": (1, 2)}`. Where a
    trial's part lacks the field, the trial is there once and not for each value. Tables show what varies, optimizers' fields
    too; of those named in `tune` each row shows the value that is best on the validation split.
    `rules` are applied to each cell in order; a rule returns the trial to run in its place, or None to leave the cell out.
    `selection` is the rule by which the sweep's own tables pick an evaluation; `published` names the published table that
    `--against gong2019` compares with. `gradient_diagnostics` turns these on in every trial. `embed_at` are steps at which
    the trunk's representation of test examples is stored for figures; it changes no number and no trial's identity.
    `tuning_seeds`, some of the seeds, choose among several optimizers and are in no mean: without them a table chooses on the
    seeds that it reports, which flatters.

    >>> from mtlray import DWA, SGD, Equal, LeNet, MultiMNIST, SweepSpec, TrialSpec
    >>> base = TrialSpec(dataset=MultiMNIST(), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.05), steps=100)
    >>> sweep = SweepSpec(
    ...     name="two",
    ...     question="Does DWA help?",
    ...     base=base,
    ...     strategies=(Equal(), DWA(temperature=1)),
    ...     seeds=range(3),
    ...     selection="last",
    ... )
    >>> [(trial.strategy.label, trial.seed) for trial in sweep.trials()][2:4]
    [('equal', 2), ('dwa(temperature=1)', 0)]
    """

    name: str
    question: str
    base: TrialSpec
    strategies: tuple[AbstractStrategy, ...]
    datasets: tuple[DatasetSpec, ...] = ()
    optimizers: tuple[OptimizerSpec, ...] = ()
    fractions: tuple[float, ...] = (1.0,)
    seeds: Sequence[int] = (0,)
    axes: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[Rule, ...] = field(default=(), compare=False)
    selection: Literal["best_val", "best_val_per_task", "best_test", "best_test_joint", "last", "mean_last_10"] = (
        "best_val"
    )
    published: str | None = None
    gradient_diagnostics: bool = False
    embed_at: tuple[int, ...] = ()
    tuning_seeds: Sequence[int] = ()
    tune: Sequence[str] = ()

    def __post_init__(self) -> None:
        allowed = self.name and all(c.isalnum() or c in "-_." for c in self.name) and not self.name.startswith(".")
        require(
            bool(allowed),
            "name",
            "consist of letters, digits, `-`, `_` and `.`, because it names a folder",
            repr(self.name),
        )
        require_object("base", self.base, TrialSpec, "TrialSpec(...)")
        for axis, alone, looks in (
            ("strategies", (AbstractStrategy, type, str), "(Equal(), DWA())"),
            ("datasets", (DatasetSpec, type, str), "(MultiMNIST(),)"),
            ("optimizers", (OptimizerSpec, type, str), "learning_rates(SGD(lr=0.1), (0.1, 0.01))"),
            ("fractions", (float, int), "(1.0, 0.25)"),
            ("seeds", (), "range(3)"),
            ("rules", Callable, "(epochs_over_fraction(200),)"),
        ):
            object.__setattr__(self, axis, entries(axis, getattr(self, axis), alone, looks))
        for axis in ("strategies", "fractions", "seeds"):
            require(len(getattr(self, axis)) > 0, axis, "have at least one entry", getattr(self, axis))
        for strategy in self.strategies:
            require_strategy("strategies", strategy)
        for dataset in self.datasets:
            require_object("datasets", dataset, DatasetSpec, "MultiMNIST()")
        for optimizer in self.optimizers:
            require_object("optimizers", optimizer, OptimizerSpec, "SGD(lr=0.1)")
        for part in (*self.strategies, *self.datasets, *self.optimizers):
            require_fields(part)
        for strategy in self.strategies:
            require_hyperparameters(strategy)
        for fraction in self.fractions:
            require(is_number(fraction) and 0 < fraction <= 1, "fractions", "lie in (0, 1]", self.fractions)
        object.__setattr__(self, "seeds", tuple(integer("seeds", seed, "hold integers") for seed in self.seeds))
        apart = tuple(integer("tuning_seeds", seed, "hold integers") for seed in self.tuning_seeds)
        object.__setattr__(self, "tuning_seeds", apart)
        within = set(apart) <= set(self.seeds) and len(set(apart)) < len(set(self.seeds))
        require(within, "tuning_seeds", "be some of `seeds`, and leave one to report", apart)
        parts = {"dataset": self.datasets, "strategy": self.strategies, "optimizer": self.optimizers}
        object.__setattr__(self, "axes", axes_of(self.axes, self.base, parts, bool(self.optimizers)).values)
        object.__setattr__(self, "tune", entries("tune", self.tune, str, '("optimizer.weight_decay",)'))
        for name in self.tune:
            tunable = name in self.axes and name.partition(".")[0] == "optimizer"
            require(tunable, "tune", "name `axes` of the optimizer, such as optimizer.weight_decay", name)
        for rule in self.rules:
            require(callable(rule), "rules", "hold functions of a trial", self.rules)
        steps = tuple(
            integer("embed_at", step, "hold numbers of steps")
            for step in entries("embed_at", self.embed_at, int, "(100, 200)")
        )
        object.__setattr__(self, "embed_at", steps)
        rules = ("best_val", "best_val_per_task", "best_test", "best_test_joint", "last", "mean_last_10")
        require(self.selection in rules, "selection", f"be one of {', '.join(rules)}", self.selection)

    def trials(self) -> tuple[TrialSpec, ...]:
        """All trials in a fixed order. Raises SpecError where two cannot be told apart, one cannot run, or none is left.

        Data sets vary slowest, then strategies, optimizers, fractions, `axes` as they are written, and the seed fastest.
        """
        trials: dict[str, TrialSpec] = {}
        cells: dict[tuple[Any, ...], TrialSpec] = {}
        datasets: dict[str, DatasetSpec] = {}
        checked, runs = set[tuple[Any, ...]](), set[tuple[Any, ...]]()
        for cell in self._cells():
            trial: TrialSpec | None = cell
            for rule in self.rules:
                trial = apply_rule(rule, trial) if trial is not None else None
            if trial is None:
                continue
            parts = (trial.dataset, trial.model, trial.strategy, trial.start_from)
            if parts not in checked:
                trial.check_parts()
                require_dataset(self, trial.dataset, datasets.setdefault(trial.dataset.label, trial.dataset))
                require_score(self, trial)
                checked.add(parts)
            run = (*parts, trial.optimizer, trial.fraction, trial.steps, trial.batch_size, trial.patience)
            if run not in runs:
                trial.check_run()
                runs.add(run)
            if trial.trial_id in trials:
                raise repeated(self, trial)
            key = (*configuration(labels(self, trial)), trial.seed)
            if key in cells:
                raise clash(self, cells[key], trial)
            trials[trial.trial_id] = cells[key] = trial
        if not trials:
            raise SpecError(f"Sweep {self.name} should have at least one trial. Its rules leave out every cell.")
        require_embedding(self, tuple(trials.values()))
        return tuple(trials.values())

    def _cells(self) -> Iterator[TrialSpec]:
        """The cells of the grid, seed by seed, before any rule."""
        base = dataclasses.replace(self.base, gradient_diagnostics=True) if self.gradient_diagnostics else self.base
        named = (self.datasets or (base.dataset,), self.strategies, self.optimizers or (base.optimizer,))
        axes = (*named, self.fractions, self.seeds, *self.axes.values())
        if (n := math.prod(map(len, axes))) > MOST:
            raise SpecError(f"Sweep {self.name} should have at most {MOST:,} trials. Its axes make {n:,}. Split it.")
        for changes, _ in self._of_parts(base):
            for fraction in self.fractions:
                for change, seed in itertools.product(changes, self.seeds):
                    yield dataclasses.replace(base, **change, fraction=fraction, seed=seed)

    def _of_parts(self, base: TrialSpec) -> Iterator[tuple[list[dict[str, Any]], Counter[tuple[str, str]]]]:
        """For each data set, strategy and optimizer what the axes make of them, and the cells that they leave out.

        Once for all fractions and seeds, so that their trials share the parts.
        """
        further = Axes(self.axes)
        parts = (self.datasets or (base.dataset,), self.strategies, self.optimizers or (base.optimizer,))
        for dataset, strategy, optimizer in itertools.product(*parts):
            of_cell = {"dataset": dataset, "model": base.model, "strategy": strategy, "optimizer": optimizer}
            without = Counter[tuple[str, str]]()
            yield list(further.cells(of_cell, without)), without

    def left_out(self) -> dict[tuple[str, str], int]:
        """How many cells an axis leaves out because a part lacks its field, by the axis and the part's label."""
        counted = Counter[tuple[str, str]]()
        for _, without in self._of_parts(self.base):
            for reason, count in without.items():
                counted[reason] += count * len(self.fractions)
        return dict(counted)

    def describe(self, trials: Sequence[TrialSpec]) -> dict[str, Any]:
        """The resolved sweep as it is stored with its results: what was asked, and every trial that answers it."""
        return describe(self, trials)

    def narrowed(
        self,
        *,
        seeds: Iterable[int] | None = None,
        strategies: Iterable[str] | None = None,
        learning_rates: Iterable[float] | None = None,
        fractions: Iterable[float] | None = None,
        steps: int | None = None,
        where: str | None = None,
    ) -> "SweepSpec":
        """The same sweep on fewer seeds, strategies (by label or key), learning rates or fractions, or with other steps.

        `where` is a condition on any field, see `mtlray.results.conditions`. Raises SpecError for an entry that the sweep does
        not have, and for a condition that no trial meets.
        """
        changes: dict[str, Any] = {}
        if seeds is not None:
            changes["seeds"] = pick("seed", seeds, {s: s for s in self.seeds})
            # Where no seed is left to report, all of them are reported.
            rest = set(changes["seeds"]) - set(self.tuning_seeds)
            changes["tuning_seeds"] = tuple(s for s in self.tuning_seeds if rest and s in changes["seeds"])
        if fractions is not None:
            changes["fractions"] = pick("fraction", fractions, {f: f for f in self.fractions})
        if strategies is not None:
            wanted = list(strategies)
            names = [name for s in self.strategies for name in (s.key, s.label)]
            pick("strategy", wanted, {name: name for name in names})
            changes["strategies"] = tuple(s for s in self.strategies if s.label in wanted or s.key in wanted)
        if learning_rates is not None:
            changes |= self._at_rates(learning_rates)
        if steps is not None:
            changes["base"] = dataclasses.replace(self.base, steps=steps)
            changes["embed_at"] = tuple(step for step in self.embed_at if step <= steps)
            changes["rules"] = (*self.rules, lambda trial: dataclasses.replace(trial, steps=steps))
        changes["axes"] = self._axes_left(changes)
        changes["tune"] = tuple(name for name in self.tune if name in changes["axes"])
        narrowed = dataclasses.replace(self, **changes)
        return narrowed if where is None else _chosen(narrowed, condition(where))

    def _at_rates(self, rates: Iterable[float]) -> dict[str, Any]:
        """The changes that leave some learning rates, wherever the sweep varies them."""
        if (given := self.axes.get("optimizer.lr")) is not None:
            return {"axes": {**self.axes, "optimizer.lr": pick("learning rate", rates, {rate: rate for rate in given})}}
        axis = self.axes.get("optimizer")
        have = axis or self.optimizers or (self.base.optimizer,)
        wanted = set(pick("learning rate", rates, {optimizer.lr: optimizer.lr for optimizer in have}))
        left = tuple(optimizer for optimizer in have if optimizer.lr in wanted)
        return {"axes": {**self.axes, "optimizer": left}} if axis else {"optimizers": left}

    def _axes_left(self, changes: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
        """The axes that the parts of a narrower sweep still have."""
        axes = changes.get("axes", self.axes)
        strategies = changes.get("strategies", self.strategies)
        return {
            name: values
            for name, values in axes.items()
            if not name.startswith("strategy.") or any(has(one, name.partition(".")[2]) for one in strategies)
        }


def _chosen(sweep: SweepSpec, wanted: Condition) -> SweepSpec:
    """The sweep with the trials that meet a condition."""
    trials = sweep.trials()
    known = [
        {**fields, "fraction": trial.fraction, "seed": trial.seed}
        for trial, fields in zip(trials, fields_of(trials), strict=True)
    ]
    kept = {trial.trial_id for trial, chosen in zip(trials, wanted.choose(known), strict=True) if chosen}
    seeds = {trial.seed for trial in trials if trial.trial_id in kept}
    rest = seeds - set(sweep.tuning_seeds)
    return dataclasses.replace(
        sweep,
        seeds=tuple(seed for seed in sweep.seeds if seed in seeds),
        tuning_seeds=tuple(seed for seed in sweep.tuning_seeds if rest and seed in seeds),
        embed_at=tuple(s for s in sweep.embed_at if s <= max(t.steps for t in trials if t.trial_id in kept)),
        rules=(*sweep.rules, lambda trial: trial if trial.trial_id in kept else None),
    )
