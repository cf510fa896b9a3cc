"""A question and the grid of trials that answers it, with the rules that change single cells."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mtlray.checks import integer, is_number, require
from mtlray.data import DatasetSpec
from mtlray.errors import SpecError
from mtlray.results.ledger import RESULTS_VERSION
from mtlray.specs.checks import require_object, require_strategy
from mtlray.specs.entries import MOST, entries, pick
from mtlray.specs.hyperparameters import require_fields, require_hyperparameters
from mtlray.specs.optimizer import OptimizerSpec
from mtlray.specs.trial import TrialSpec
from mtlray.strategies import AbstractStrategy
from mtlray.words.names import is_plain
from mtlray.words.values import shortest

Rule = Callable[[TrialSpec], TrialSpec | None]


def epochs_over_fraction(epochs: int) -> Rule:
    """The paper's "halve the data, double the epochs", counted in epochs: `round(epochs / fraction)` passes over the subset.

    The default, one budget of steps for all fractions, is the same rule without the rounding.
    """

    def rule(trial: TrialSpec) -> TrialSpec:
        return dataclasses.replace(trial, steps=round(epochs / trial.fraction) * trial.batches_per_epoch)

    return rule


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """A question and the grid of trials that answers it: datasets x strategies x optimizers x fractions x seeds over a base.

    Without `datasets` and `optimizers` those are the base trial's own. Several optimizers are for tuning: of each strategy's,
    a table shows the one that is best on the validation split. `learning_rates` makes them from one.
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
    rules: tuple[Rule, ...] = field(default=(), compare=False)
    selection: Literal["best_val", "best_val_per_task", "best_test", "best_test_joint", "last", "mean_last_10"] = (
        "best_val"
    )
    published: str | None = None
    gradient_diagnostics: bool = False
    embed_at: tuple[int, ...] = ()
    tuning_seeds: Sequence[int] = ()

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
        """All trials in a fixed order. Raises SpecError where two cannot be told apart, one cannot run, or none is left."""
        trials: dict[str, TrialSpec] = {}
        cells: dict[tuple[Any, ...], TrialSpec] = {}
        datasets: dict[str, DatasetSpec] = {}
        checked = set[tuple[Any, ...]]()
        base = dataclasses.replace(self.base, gradient_diagnostics=True) if self.gradient_diagnostics else self.base
        datasets_, optimizers = self.datasets or (self.base.dataset,), self.optimizers or (self.base.optimizer,)
        axes = (datasets_, self.strategies, optimizers, self.fractions, self.seeds)
        if (n := math.prod(map(len, axes))) > MOST:
            raise SpecError(f"Sweep {self.name} should have at most {MOST:,} trials. Its axes make {n:,}. Split it.")
        for dataset, strategy, optimizer, fraction, seed in itertools.product(*axes):
            trial: TrialSpec | None = dataclasses.replace(
                base, dataset=dataset, strategy=strategy, optimizer=optimizer, fraction=fraction, seed=seed
            )
            for rule in self.rules:
                trial = _apply(rule, trial) if trial is not None else None
            if trial is None:
                continue
            if (trial.dataset, trial.model, trial.strategy) not in checked:
                trial.check()
                self._check_dataset(trial.dataset, datasets.setdefault(trial.dataset.label, trial.dataset))
                checked.add((trial.dataset, trial.model, trial.strategy))
            if trial.trial_id in trials:
                raise SpecError(
                    f"Sweep {self.name} holds the same trial twice: {trial.strategy.label}, fraction {shortest(trial.fraction)}, "
                    f"seed {trial.seed}. Remove the repeated entry from its axes, or the rule that makes two cells equal."
                )
            cell = (trial.dataset.label, trial.strategy.label, trial.optimizer, trial.fraction, trial.seed)
            if cell in cells:
                raise self._clash(cells[cell], trial)
            trials[trial.trial_id] = cells[cell] = trial
        if not trials:
            raise SpecError(f"Sweep {self.name} should have at least one trial. Its rules leave out every cell.")
        self._check_embedding(tuple(trials.values()))
        return tuple(trials.values())

    def _check_embedding(self, trials: Sequence[TrialSpec]) -> None:
        longest = max(trial.steps for trial in trials)
        for step in self.embed_at:
            require(1 <= step <= longest, "embed_at", f"lie within the {longest} steps of the longest trial", step)
        several = next((trial.model for trial in trials if not trial.model.single_representation), None)
        if self.embed_at and several is not None:
            raise SpecError(
                f"Parameter `embed_at` should be left out for models whose heads read several tensors. Found {several.label}."
            )

    def _check_dataset(self, dataset: DatasetSpec, namesake: DatasetSpec) -> None:
        if not is_plain(dataset.label):
            raise SpecError(
                f"The label of data set `{dataset}` should be a name in one line, without slashes, that does not begin with a "
                f"point, because it names a folder. Found `{dataset.label!r}`."
            )
        if dataset != namesake:
            raise SpecError(
                f"Sweep {self.name} has two data sets named `{dataset.label}`: `{namesake}` and `{dataset}`. Results "
                "are stored under that name: give the data set class its own `key`, or a `label` that tells the two apart."
            )
        if self.selection in ("best_val", "best_val_per_task") and dataset.n_examples("val") == 0:
            raise SpecError(
                f"Sweep {self.name} selects evaluations by `{self.selection}`, and {dataset.label} has no validation examples. "
                'Hold some out of the training data with `val_digits=...`, or let nothing select, with `selection="last"` or '
                '`"mean_last_10"`. The paper\'s rule is `"best_test"`, which is optimistic.'
            )

    def _clash(self, one: TrialSpec, two: TrialSpec) -> SpecError:
        pairs = ((f.name, getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(TrialSpec))
        differ = "; ".join(f"{name} is `{a}` and `{b}`" for name, a, b in pairs if a != b)
        return SpecError(
            f"Sweep {self.name} has two trials that a table cannot tell apart, both {one.strategy.label} on "
            f"{one.dataset.label}, fraction {shortest(one.fraction)}, seed {one.seed}: {differ}. Give the strategy class its own "
            "`key`, or change a hyperparameter."
        )

    def describe(self, trials: Sequence[TrialSpec]) -> dict[str, Any]:
        """The resolved sweep as it is stored with its results: what was asked, and every trial that answers it."""
        return {
            "name": self.name,
            "question": self.question,
            "results_version": RESULTS_VERSION,
            "selection": self.selection,
            "published": self.published,
            **({"tuning_seeds": list(self.tuning_seeds)} if self.tuning_seeds else {}),
            "data_origin": {trial.dataset.label: trial.dataset.origin for trial in trials},
            "steps": sorted({trial.steps for trial in trials}),
            "trials": [
                {
                    "trial_id": trial.trial_id,
                    "dataset": trial.dataset.label,
                    "strategy": trial.strategy.label,
                    "optimizer": trial.optimizer.label,
                    "learning_rate": float(trial.optimizer.lr),
                    "fraction": trial.fraction,
                    "seed": trial.seed,
                    "tasks": [task.name for task in trial.tasks],
                }
                for trial in trials
            ],
        }

    def narrowed(
        self,
        *,
        seeds: Iterable[int] | None = None,
        strategies: Iterable[str] | None = None,
        learning_rates: Iterable[float] | None = None,
        fractions: Iterable[float] | None = None,
        steps: int | None = None,
    ) -> "SweepSpec":
        """The same sweep on fewer seeds, strategies (by label or key), learning rates or fractions, or with other steps.

        Raises SpecError for an entry that the sweep does not have.
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
            have = self.optimizers or (self.base.optimizer,)
            rates = set(pick("learning rate", learning_rates, {optimizer.lr: optimizer.lr for optimizer in have}))
            changes["optimizers"] = tuple(optimizer for optimizer in have if optimizer.lr in rates)
        if steps is not None:
            changes["base"] = dataclasses.replace(self.base, steps=steps)
            changes["embed_at"] = tuple(step for step in self.embed_at if step <= steps)
            changes["rules"] = (*self.rules, lambda trial: dataclasses.replace(trial, steps=steps))
        return dataclasses.replace(self, **changes)


def _apply(rule: Rule, trial: TrialSpec) -> TrialSpec | None:
    name = getattr(rule, "__qualname__", repr(rule)).replace(".<locals>", "")
    try:
        changed = rule(trial)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise SpecError(
            f"The rule `{name}` failed for {trial.strategy.label}, fraction {shortest(trial.fraction)}, seed {trial.seed}. "
            f"{type(error).__name__}: {error}"
        ) from error
    if changed is not None and not isinstance(changed, TrialSpec):
        raise SpecError(f"The rule `{name}` should return a trial, or None. Found `{changed}`.")
    return changed
