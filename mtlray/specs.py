"""What runs and where: TrialSpec (hashed in full), SweepSpec (a grid of trials), RunConfig (never hashed)."""

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

from mtlray.codec import encode
from mtlray.data import DatasetSpec
from mtlray.errors import SpecError, require
from mtlray.models import ModelSpec
from mtlray.records import RESULTS_VERSION
from mtlray.strategies import AbstractStrategy
from mtlray.tasks import Task


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec:
    """An optimizer and its settings; `strategy_lr` is for a strategy's own parameters (None: as the model)."""

    key: ClassVar[str]

    lr: float
    weight_decay: float = 0.0
    strategy_lr: float | None = None

    def __post_init__(self) -> None:
        require(self.lr > 0, "lr", "be positive", self.lr)
        require(self.weight_decay >= 0, "weight_decay", "be at least 0", self.weight_decay)
        require(
            self.strategy_lr is None or self.strategy_lr > 0, "strategy_lr", "be positive or None", self.strategy_lr
        )


@dataclass(frozen=True, kw_only=True)
class SGD(OptimizerSpec):
    """Stochastic gradient descent with momentum, no Nesterov."""

    key: ClassVar[str] = "sgd"
    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.momentum < 1, "momentum", "lie in [0, 1)", self.momentum)


@dataclass(frozen=True, kw_only=True)
class Adam(OptimizerSpec):
    """Adam (Kingma and Ba 2015) with torch's defaults for betas and eps."""

    key: ClassVar[str] = "adam"


@dataclass(frozen=True, kw_only=True)
class TrialSpec:
    """WHAT one trial computes, and nothing about where. Everything here is hashed into `trial_id`, defaults included.

    `fraction` of the training examples, `steps` optimizer steps of `batch_size` examples, an evaluation each
    `evaluate_every` steps ("epoch": after each pass over the training subset) and after the last step. A field added in a
    later release declares in its metadata a `neutral` value at which it is left out, so that ids stay.
    """

    dataset: DatasetSpec
    model: ModelSpec
    strategy: AbstractStrategy
    optimizer: OptimizerSpec
    fraction: float = 1.0
    steps: int
    batch_size: int = 128
    evaluate_every: int | Literal["epoch"] = 469
    seed: int = 0
    precision: Literal["float32", "float64"] = "float32"
    results_version: int = RESULTS_VERSION

    def __post_init__(self) -> None:
        require(0 < self.fraction <= 1, "fraction", "lie in (0, 1]", self.fraction)
        require(self.steps >= 1, "steps", "be at least 1", self.steps)
        require(self.batch_size >= 1, "batch_size", "be at least 1", self.batch_size)
        require(
            self.evaluate_every == "epoch" or (isinstance(self.evaluate_every, int) and self.evaluate_every >= 1),
            "evaluate_every", 'be a number of steps, at least 1, or "epoch"', self.evaluate_every,
        )  # fmt: skip
        require(self.seed >= 0, "seed", "be at least 0", self.seed)
        require(self.precision in ("float32", "float64"), "precision", 'be "float32" or "float64"', self.precision)

    @cached_property
    def canonical(self) -> str:
        """The JSON text that is hashed: keys sorted, no spaces, defaults included."""
        return json.dumps(encode(self), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @cached_property
    def trial_id(self) -> str:
        """16 hex digits of sha256 over `canonical`."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()[:16]

    @property
    def canonical_but_seed(self) -> str:
        """What trials of one pack have in common."""
        return dataclasses.replace(self, seed=0).canonical

    @cached_property
    def strategy_json(self) -> str:
        """JSON of the strategy and its hyperparameters."""
        return json.dumps(encode(self.strategy), sort_keys=True)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that this trial trains."""
        return self.strategy.trains(self.dataset.tasks)

    @property
    def n_train(self) -> int:
        """The size of the training subset."""
        return max(1, round(self.fraction * self.dataset.n_examples("train")))

    @property
    def batches_per_epoch(self) -> int:
        """The last, smaller batch is kept."""
        return math.ceil(self.n_train / self.batch_size)

    @property
    def evaluation_interval(self) -> int:
        """Steps between evaluations."""
        if self.evaluate_every == "epoch":
            return max(1, self.batches_per_epoch // self.strategy.batches_per_step)
        return self.evaluate_every

    @property
    def n_evaluations(self) -> int:
        return math.ceil(self.steps / self.evaluation_interval)

    def check(self) -> None:
        """Raise SpecError where strategy, model and data set do not go together."""
        self.strategy.check(self.dataset.tasks)
        self.model.check(self.dataset.input_shape, self.tasks)


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
    """A question and the grid of trials that answers it: datasets x strategies x fractions x seeds over a base trial.

    `rules` are applied to each cell in order; a rule returns the trial to run in its place, or None to leave the cell out.
    `selection` is the rule by which the sweep's own tables pick an evaluation; `published` names the published table that
    `--against gong2019` compares with.
    """

    name: str
    question: str
    base: TrialSpec
    strategies: tuple[AbstractStrategy, ...]
    datasets: tuple[DatasetSpec, ...] = ()
    fractions: tuple[float, ...] = (1.0,)
    seeds: Sequence[int] = (0,)
    rules: tuple[Rule, ...] = field(default=(), compare=False)
    selection: Literal["best_val", "best_test", "last", "mean_last_10"] = "best_val"
    published: str | None = None

    def __post_init__(self) -> None:
        allowed = self.name and all(c.isalnum() or c in "-_." for c in self.name) and not self.name.startswith(".")
        require(
            bool(allowed), "name", "be made of letters, digits, `-`, `_` and `.`; it names a folder", repr(self.name)
        )
        for axis in ("strategies", "fractions", "seeds"):
            require(len(getattr(self, axis)) > 0, axis, "have at least one entry", getattr(self, axis))
        for fraction in self.fractions:
            require(0 < fraction <= 1, "fractions", "lie in (0, 1]", self.fractions)
        rules = ("best_val", "best_test", "last", "mean_last_10")
        require(self.selection in rules, "selection", f"be one of {', '.join(rules)}", self.selection)

    def trials(self) -> tuple[TrialSpec, ...]:
        """All trials in a fixed order. Raises SpecError where two are the same or one cannot run."""
        trials: dict[str, TrialSpec] = {}
        checked = set[tuple[Any, ...]]()
        axes = (self.datasets or (self.base.dataset,), self.strategies, self.fractions, self.seeds)
        for dataset, strategy, fraction, seed in itertools.product(*axes):
            trial: TrialSpec | None = dataclasses.replace(
                self.base, dataset=dataset, strategy=strategy, fraction=fraction, seed=seed
            )
            for rule in self.rules:
                trial = rule(trial) if trial is not None else None
            if trial is None:
                continue
            if (trial.dataset, trial.model, trial.strategy) not in checked:
                trial.check()
                checked.add((trial.dataset, trial.model, trial.strategy))
            if trial.trial_id in trials:
                raise SpecError(
                    f"Sweep {self.name} holds the same trial twice: {trial.strategy.label}, fraction {trial.fraction:g}, "
                    f"seed {trial.seed}. Remove the repeated entry from its axes, or the rule that makes two cells equal."
                )
            trials[trial.trial_id] = trial
        return tuple(trials.values())

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
        fractions: Iterable[float] | None = None,
        steps: int | None = None,
    ) -> "SweepSpec":
        """The same sweep on fewer seeds, strategies (by label or key) or fractions, or with another step budget.

        Raises SpecError for an entry that the sweep does not have.
        """
        changes: dict[str, Any] = {}
        if seeds is not None:
            changes["seeds"] = _pick("seed", list(seeds), {str(s): s for s in self.seeds})
        if fractions is not None:
            changes["fractions"] = _pick(
                "fraction", [f"{f:g}" for f in fractions], {f"{f:g}": f for f in self.fractions}
            )
        if strategies is not None:
            wanted = list(strategies)
            names = {s.label for s in self.strategies} | {s.key for s in self.strategies}
            _pick("strategy", wanted, {name: name for name in names})
            changes["strategies"] = tuple(s for s in self.strategies if s.label in wanted or s.key in wanted)
        if steps is not None:
            changes["base"] = dataclasses.replace(self.base, steps=steps)
            changes["rules"] = (*self.rules, lambda trial: dataclasses.replace(trial, steps=steps))
        return dataclasses.replace(self, **changes)


def _pick(kind: str, wanted: Sequence[object], valid: dict[str, Any]) -> tuple[Any, ...]:
    for entry in wanted:
        if str(entry) not in valid:
            raise SpecError(f"The sweep has no {kind} {entry}. It has: {', '.join(valid)}.")
    asked = {str(entry) for entry in wanted}
    return tuple(value for name, value in valid.items() if name in asked)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """WHERE AND HOW trials run. Never hashed; stored with the results.

    `device` is "cpu", "cuda" or "auto"; `workers` trials run at once (None: one for each core, or GPU); a checkpoint is
    written every `checkpoint_seconds`.
    """

    data: str
    results: str
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: int | None = None
    pack_size: int = 1
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        require(self.device in ("auto", "cpu", "cuda"), "device", 'be "auto", "cpu" or "cuda"', self.device)
        require(self.workers is None or self.workers >= 1, "workers", "be at least 1", self.workers)
        require(self.pack_size >= 1, "pack_size", "be at least 1", self.pack_size)
        require(self.checkpoint_seconds >= 0, "checkpoint_seconds", "be at least 0", self.checkpoint_seconds)
