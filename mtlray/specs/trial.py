"""What one trial computes; hashed in full."""

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from mtlray.checks import integer, is_number, require, require_choice
from mtlray.data import DatasetSpec
from mtlray.data.base import subset_size
from mtlray.errors import SpecError
from mtlray.identity.codec import Same, canonical_json, encode, is_ours
from mtlray.models import ModelSpec
from mtlray.models.beginning import initialise
from mtlray.models.dtype import Precision, dtype_of
from mtlray.models.fitting import check_fit, check_one_example
from mtlray.results.ledger import RESULTS_VERSION
from mtlray.specs.checks import require_object, require_strategy
from mtlray.specs.hyperparameters import require_fields, require_hyperparameters
from mtlray.specs.kept import Kept
from mtlray.specs.optimizer import OptimizerSpec, require_optimizer
from mtlray.strategies import AbstractStrategy
from mtlray.tasks.task import Task

LOOP_VERSION = 1
"""Raised by a change that alters the numbers of all trials: order of examples, start of weights, the loop itself."""


@dataclass(frozen=True, kw_only=True)
class TrialSpec:
    """WHAT one trial computes, and nothing about where. Everything here is hashed into `trial_id`, defaults included.

    `fraction` of the training examples, `steps` optimizer steps of `batch_size` examples, an evaluation each
    `evaluate_every` steps ("epoch": after each pass over the training subset) and after the last step. With
    `precision` "bf16" the network runs under automatic mixed precision, its weights, losses and updates in float32. With
    `gradient_diagnostics` an evaluation also looks at how the tasks' gradients lie to each other; it changes no other number.
    With `start_from` the network starts from kept weights in place of random ones. With `patience` a trial stops after that many
    evaluations in a row whose validation score is not above the best before; such trials run one by one. A field added in a later
    release declares in its metadata a `neutral` value at which it is left out, so that ids stay.

    >>> from mtlray import SGD, Equal, LeNet, MultiMNIST, TrialSpec
    >>> trial = TrialSpec(dataset=MultiMNIST(), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.05), steps=100)
    >>> [task.name for task in trial.tasks]
    ['left', 'right']
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
    precision: Precision = "float32"
    results_version: int = RESULTS_VERSION
    gradient_diagnostics: bool = field(default=False, metadata={"neutral": False})
    start_from: Kept | None = field(default=None, metadata={"neutral": None})
    patience: int | None = field(default=None, metadata={"neutral": None})

    def __post_init__(self) -> None:
        require_object("dataset", self.dataset, DatasetSpec, "MultiMNIST()")
        require_object("model", self.model, ModelSpec, "LeNet()")
        require_strategy("strategy", self.strategy)
        require_object("optimizer", self.optimizer, OptimizerSpec, "SGD(lr=0.1)")
        if self.start_from is not None:
            require_object("start_from", self.start_from, Kept, 'Kept("results/NAME", trial="ID")')
        _require_parts(*map(Same, (self.dataset, self.model, self.strategy, self.optimizer)))
        for name in ("steps", "batch_size", "seed", "results_version"):
            object.__setattr__(self, name, integer(name, getattr(self, name)))
        require(is_number(self.fraction) and 0 < self.fraction <= 1, "fraction", "lie in (0, 1]", self.fraction)
        require(self.steps >= 1, "steps", "be at least 1", self.steps)
        require(self.batch_size >= 1, "batch_size", "be at least 1", self.batch_size)
        if self.evaluate_every != "epoch":
            rule = 'be a number of steps, at least 1, or "epoch"'
            object.__setattr__(self, "evaluate_every", integer("evaluate_every", self.evaluate_every, rule))
            require(self.evaluate_every >= 1, "evaluate_every", rule, self.evaluate_every)
        if self.patience is not None:
            rule = "be a number of evaluations, at least 1, or None"
            object.__setattr__(self, "patience", integer("patience", self.patience, rule))
            require(self.patience >= 1, "patience", rule, self.patience)
        require(self.seed >= 0, "seed", "be at least 0", self.seed)
        diagnosed = isinstance(self.gradient_diagnostics, bool)
        require(diagnosed, "gradient_diagnostics", "be True or False", repr(self.gradient_diagnostics))
        require_choice("precision", self.precision, ("float32", "float64", "bf16"))
        ours = f"be {RESULTS_VERSION}, the version that this mtlray computes"
        require(self.results_version == RESULTS_VERSION, "results_version", ours, self.results_version)

    @cached_property
    def canonical(self) -> str:
        """The JSON text that is hashed: keys sorted, no spaces, defaults included.

        The versions of the loop and of the tasks' losses and metrics are in it where they are more than 1; those of the other
        components stand with them.
        """
        raised = {name: version for name, version in self._own_versions.items() if version > 1}
        text = canonical_json(self)
        return (
            f'{text[:-1]},"versions":{json.dumps(raised, sort_keys=True, separators=(",", ":"))}}}' if raised else text
        )

    @property
    def component_versions(self) -> dict[str, int]:
        """The version of all that makes this trial's numbers: strategy, model, data set, optimizer, loop, tasks."""
        parts = ("strategy", "model", "dataset", "optimizer")
        return {part: type(getattr(self, part)).component_version for part in parts} | self._own_versions

    @property
    def _own_versions(self) -> dict[str, int]:
        of_tasks = {
            f"{task.name}/{part}": version
            for task in _trained(Same(self.dataset), Same(self.strategy))
            for part, version in task.component_versions.items()
        }
        return {"loop": LOOP_VERSION} | of_tasks

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
        """The size of the training subset; of all tasks together where each has examples of its own."""
        return sum(self._subset_sizes)

    @cached_property
    def batches_per_epoch(self) -> int:
        """The last, smaller batch is kept. Where tasks have examples of their own, an epoch is a pass over the largest's."""
        return math.ceil(max(self._subset_sizes) / self.batch_size)

    @property
    def _subset_sizes(self) -> tuple[int, ...]:
        own = self.dataset.own_examples
        sizes = [self.dataset.n_examples("train")] if own is None else [own[task.name] for task in self.tasks]
        return tuple(subset_size(size, self.fraction) for size in sizes)

    @property
    def examples_per_batch(self) -> int:
        """How many examples go through the trunk at once: `batch_size`, of each task where each has its own."""
        return self.batch_size * (1 if self.dataset.own_examples is None else len(self.tasks))

    @property
    def evaluation_interval(self) -> int:
        """Steps between evaluations."""
        if self.evaluate_every == "epoch":
            return max(1, self.batches_per_epoch // self.strategy.batches_per_step)
        return self.evaluate_every

    @property
    def n_evaluations(self) -> int:
        return math.ceil(self.steps / self.evaluation_interval)

    @property
    def goes_by_score(self) -> bool:
        """Whether its learning rate or its end depends on its own validation score."""
        schedule = self.optimizer.schedule
        return self.patience is not None or (schedule is not None and schedule.by_score)

    def _check_score(self) -> None:
        schedule = self.optimizer.schedule
        if self.goes_by_score and self.dataset.n_examples("val") == 0:
            what, instead = f"The schedule `{schedule}`", "choose another schedule"
            if self.patience is not None:
                what, instead = f"A trial with `patience = {self.patience}`", "leave `patience` out"
            raise SpecError(
                f"{what} goes by the validation score, and {self.dataset.label} has no validation examples. Hold some out, or "
                f"{instead}."
            )
        without = next((task for task in self.tasks if task.lacks_scale), None)
        if self.goes_by_score and without is not None:
            raise SpecError(
                f"A trial with `patience` or the schedule Plateau goes by the validation score, and metric "
                f"{without.metrics[0].name} of task {without.name} has no scale for one: it names no perfect value, or no best "
                "constant prediction. Put a metric of mtlray's before it."
            )
        if self.patience is not None and schedule is not None and schedule.by_steps:
            raise SpecError(
                "A trial with `patience` should have learning rates that do not depend on its number of steps. Found the "
                f"schedule `{schedule}`, which a stop would cut off before the rates are small. Choose Plateau, or leave "
                "`patience` out."
            )

    def _check_batches(self) -> None:
        """Raise SpecError where a batch has one example and the network cannot be trained on it, or the warm-up never ends."""
        last = min((size - 1) % self.batch_size + 1 for size in self._subset_sizes)
        reached = self.batch_size == 1 or self.steps * self.strategy.batches_per_step >= self.batches_per_epoch
        if last == 1 and reached:
            together = 1 if self.dataset.own_examples is None else len(self.tasks)
            check_one_example(self.model, self.dataset.input_shape, self.tasks, together)
        schedule = self.optimizer.schedule
        if schedule is not None and schedule.warmup >= self.steps:
            raise SpecError(
                f"The warm-up of `{schedule}` should be shorter than the trial. Found {schedule.warmup} steps of {self.steps}, "
                f"so that the learning rate {self.optimizer.lr} is never used. Choose a shorter warm-up, or more steps."
            )

    def check(self) -> None:
        """Raise SpecError where the trial cannot be trained as it is described."""
        self.check_parts()
        self.check_run()

    def check_run(self) -> None:
        """The part of `check` that looks at optimizer, batches, steps and patience."""
        self._check_score()
        self._check_batches()

    def check_parts(self) -> None:
        """The part of `check` that looks at whether strategy, model and data set go together."""
        self.strategy.check(self.dataset.tasks)
        self.model.check(self.dataset.input_shape, self.tasks)
        if not is_ours(type(self.model)):  # the `check` of mtlray's own says all, and its tests see to that
            check_fit(self.model, self.dataset.input_shape, self.tasks)
        if self.start_from is not None:
            network = initialise(self.model, self.dataset.input_shape, self.tasks, self.seed, dtype_of("float32"))
            self.start_from.check({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()})
        if self.strategy.needs_representation and not self.model.single_representation:
            raise SpecError(
                f"Strategy {self.strategy.label} needs a model whose heads all read one representation. Those of "
                f"model {self.model.label} do not. Choose another model or strategy, such as MGDA in place of MGDAUB."
            )


# Trials of one sweep share their parts: what follows from these is found out once for all of them.


@lru_cache(maxsize=1024)
def _require_parts(dataset: Same, model: Same, strategy: Same, optimizer: Same) -> None:
    """Raise SpecError unless all that tells a trial's parts from others is in their fields, and of the right types."""
    for part in (dataset, model, strategy, optimizer):
        require_fields(part.value)
    require_hyperparameters(strategy.value)
    require_optimizer(optimizer.value)


@lru_cache(maxsize=1024)
def _trained(dataset: Same, strategy: Same) -> tuple[Task, ...]:
    """The tasks that a strategy trains on a data set."""
    tasks: tuple[Task, ...] = strategy.value.trains(dataset.value.tasks)
    return tasks
