"""A question and the grid of trials that answers it, with the rules that change single cells."""

import dataclasses
import difflib
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
from mtlray.specs.hyperparameters import require_fields, require_hyperparameters
from mtlray.specs.optimizer import OptimizerSpec
from mtlray.specs.trial import TrialSpec
from mtlray.strategies import AbstractStrategy
from mtlray.words.names import is_plain
from mtlray.words.values import shortest, shown

_LISTED = 60  # entries of an axis that a message names
_MOST = 100_000  # entries of an axis, and trials of a sweep

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
            object.__setattr__(self, axis, _entries(axis, getattr(self, axis), alone, looks))
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
        for rule in self.rules:
            require(callable(rule), "rules", "hold functions of a trial", self.rules)
        steps = tuple(
            integer("embed_at", step, "hold numbers of steps")
            for step in _entries("embed_at", self.embed_at, int, "(100, 200)")
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
        if (n := math.prod(map(len, axes))) > _MOST:
            raise SpecError(f"Sweep {self.name} should have at most {_MOST:,} trials. Its axes make {n:,}. Split it.")
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
                'some out of the training data with `val_digits=...`, or let nothing select, with `selection="last"` or '
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
            changes["seeds"] = _pick("seed", seeds, {s: s for s in self.seeds})
        if fractions is not None:
            changes["fractions"] = _pick("fraction", fractions, {f: f for f in self.fractions})
        if strategies is not None:
            wanted = list(strategies)
            names = [name for s in self.strategies for name in (s.key, s.label)]
            _pick("strategy", wanted, {name: name for name in names})
            changes["strategies"] = tuple(s for s in self.strategies if s.label in wanted or s.key in wanted)
        if learning_rates is not None:
            have = self.optimizers or (self.base.optimizer,)
            rates = set(_pick("learning rate", learning_rates, {optimizer.lr: optimizer.lr for optimizer in have}))
            changes["optimizers"] = tuple(optimizer for optimizer in have if optimizer.lr in rates)
        if steps is not None:
            changes["base"] = dataclasses.replace(self.base, steps=steps)
            changes["embed_at"] = tuple(step for step in self.embed_at if step <= steps)
            changes["rules"] = (*self.rules, lambda trial: dataclasses.replace(trial, steps=steps))
        return dataclasses.replace(self, **changes)


def _pick(kind: str, wanted: Iterable[Any], valid: dict[Any, Any]) -> tuple[Any, ...]:
    """The valid entries that are wanted, in their own order. Raises SpecError at the first that is not valid, so that a range
    of any length does not matter."""
    asked = set[Any]()
    for entry in wanted:
        if entry not in valid:
            close = difflib.get_close_matches(str(entry), list(valid), n=1) if kind == "strategy" else []
            hint = f" Did you mean `{close[0]}`?" if close else ""
            names = [shortest(name) for name in itertools.islice(valid, _LISTED)]
            more = f" and {len(valid) - _LISTED:,} others" if len(valid) > _LISTED else ""
            found = shown(shortest(entry))
            raise SpecError(
                f"The sweep has no {kind} {found}.{hint} It has: {', '.join(names)}{more}. Add others in the sweep file."
            )
        asked.add(entry)
    return tuple(value for name, value in valid.items() if name in asked)


def _entries(axis: str, value: Any, alone: Any, looks: str) -> tuple[Any, ...]:
    """An axis as a tuple; one entry alone is an axis of one."""
    if isinstance(value, alone):
        return (value,)
    require(isinstance(value, Iterable), axis, f"be a tuple, such as {looks}", value)
    entries = tuple(itertools.islice(value, _MOST + 1))  # not all of a range that nobody can hold
    if len(entries) > _MOST:
        raise SpecError(f"Parameter `{axis}` should have at most {_MOST:,} entries. Found more. Split the sweep.")
    return entries


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
