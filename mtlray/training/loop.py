"""The training loop. It knows one verb, `strategy.backward`, and reads no strategy's, data set's or model's name."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from mtlray.data import Dataset
from mtlray.data.batches import place
from mtlray.models import Pack
from mtlray.models.kernels import KernelChoice
from mtlray.specs import TrialSpec
from mtlray.strategies import State
from mtlray.tasks.task_losses import TaskLosses
from mtlray.training.checkpoint import Checkpoint, Interrupted
from mtlray.training.contract import check_scalars, check_state, check_weights, initial_state, refuse_global_randomness
from mtlray.training.diagnostics import N_BATCHES, gradient_diagnostics, jacobians
from mtlray.training.evaluation import evaluate
from mtlray.training.meters import Meters
from mtlray.training.optimizers import build_optimizer, optimizer_state, restore_optimizer, set_learning_rates
from mtlray.training.sampling import Sampler, augmented, training_batches

# Neither changes a number: a look at divergence waits for the device, and the step it finds is exact all the same.
_LOOK_EVERY = 50  # steps
_PROGRESS_EVERY = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one trial ended: its curve, one row an evaluation, and at which step it stopped."""

    state: Literal["done", "diverged"]
    step: int
    rows: list[dict[str, Any]]
    seconds: float
    kernel: str
    solver_fallbacks: int | None = None


def train(
    trials: Sequence[TrialSpec],
    dataset: Dataset,
    *,
    device: torch.device,
    checkpoints: Sequence[Checkpoint | None],
    checkpoint_seconds: float,
    save: Callable[[Checkpoint], None],
    progress: Callable[[int], bool | None],
    kernel: KernelChoice = "auto",
    activation_checkpointing: bool = False,
) -> list[Outcome]:
    """Train a pack: trials equal in all but the seed, each from its checkpoint, all of which stand at the same step.

    `save` is called with each trial's checkpoint about every `checkpoint_seconds`, `progress` with the step about once a
    second; where that returns True, checkpoints are saved and Interrupted is raised. A non-finite loss, in training or in an
    evaluation, ends a trial as diverged; its pack goes on. Raises what the strategy or the model raises.
    """
    run = Run(trials, dataset, device, checkpoints, kernel, activation_checkpointing)
    try:
        last_save = last_progress = time.monotonic()
        random_state = torch.get_rng_state()
        first_step = run.step + 1
        while run.step < run.trial.steps and not run.all_diverged:
            run.advance()
            if run.step in (first_step, run.trial.steps):
                refuse_global_randomness(run.strategy, random_state)
                check_state(run.strategy, run.state, len(trials))
            if run.step % run.trial.evaluation_interval == 0 or run.step == run.trial.steps:
                run.evaluate()
            if run.step % _LOOK_EVERY == 0:
                run.look_for_divergence()
            now, stop = time.monotonic(), False
            if now - last_progress >= _PROGRESS_EVERY:
                stop, last_progress = bool(progress(run.step)) and run.step < run.trial.steps, now
            if stop or now - last_save >= checkpoint_seconds:
                for checkpoint in run.checkpoints():
                    save(checkpoint)
                last_save = time.monotonic()
            if stop:
                raise Interrupted(run.step)
        return run.outcomes()
    finally:
        run.batches.close()


class Run:
    """The evolving state of a pack between two steps."""

    def __init__(
        self,
        trials: Sequence[TrialSpec],
        dataset: Dataset,
        device: torch.device,
        checkpoints: Sequence[Checkpoint | None],
        kernel: KernelChoice = "auto",
        activation_checkpointing: bool = False,
    ) -> None:
        self.trials, self.trial, self.device = trials, trials[0], device
        self.dtype = torch.float64 if self.trial.precision == "float64" else torch.float32
        self.tasks = self.trial.tasks
        self.strategy = self.trial.strategy
        self.data_fingerprint = dataset.fingerprint
        self.splits = {name: place(examples, device) for name, examples in dataset.splits.items()}
        seeds = [trial.seed for trial in trials]
        shape = self.trial.dataset.input_shape
        self.pack = Pack(
            self.trial.model,
            shape,
            self.tasks,
            seeds,
            device=device,
            dtype=self.dtype,
            kernel=kernel,
            autocast=self.trial.precision == "bf16",
            activation_checkpointing=activation_checkpointing,
        )
        self.kernel: str = self.pack.kernel
        self.state = initial_state(self.strategy, self.tasks, seeds, device, self.dtype, self.pack.n_shared)
        network = list(self.pack.parameters.values())
        self.trained = [*network, *self.state.params.values()]
        self.optimizer = build_optimizer(self.trial.optimizer, network, self.state.params)
        self.samplers = [Sampler(trial, len(self.splits["train"])) for trial in trials]
        self.batches = training_batches(trials, self.splits["train"], device, self.dtype)
        self.step = 0
        self.all_diverged = False
        self.meters = Meters(len(trials), len(self.tasks), self.strategy.batches_per_step, device, self.dtype)
        self.rows: list[list[dict[str, Any]]] = [[] for _ in trials]
        self.seconds_before = 0.0
        if checkpoints[0] is not None:
            self._restore([c for c in checkpoints if c is not None])
        self.started = time.monotonic()
        self.mark = (self.started, self.step)

    # -- one step

    def advance(self) -> None:
        """One optimizer step. Nothing in here waits for the device."""
        n = self.step * self.strategy.batches_per_step
        numbers = range(n, n + self.strategy.batches_per_step)
        losses = [self._losses(number) for number in numbers]
        for parameter in self.trained:  # the optimizer's own way to say this takes a hundredth of a step
            parameter.grad = None
        weights, self.state = self.strategy.backward(losses, self.state)
        check_weights(self.strategy, weights, self.meters.weights.shape)
        set_learning_rates(self.optimizer, self.trial.optimizer, self.step)
        self.optimizer.step()
        self.state = self.strategy.end_step(losses, self.state)
        self.step += 1
        self.meters.weights += weights
        for number, batch in zip(numbers, losses, strict=True):
            self.meters.add(self.step, batch.values.detach())
            if (number + 1) % self.trial.batches_per_epoch == 0:
                mean = self.meters.end_epoch(self.trial.batches_per_epoch)
                self.state = self.strategy.end_epoch(mean, self.state)

    def _losses(self, number: int) -> TaskLosses:
        inputs, targets = augmented(self.trials, number, *self.batches.at(number))
        return self.pack.losses(inputs, targets, number)

    def _losses_of(self, batches: Sequence[Tensor], number: int) -> TaskLosses:
        """The losses on one batch of each seed, not augmented; `number` names the dropout masks."""
        inputs, targets = self.batches.of(torch.stack(list(batches)))
        return self.pack.losses(inputs, targets, number)

    # -- what is written down

    def evaluate(self) -> None:
        """Add a row to the curve of each trial that has not diverged."""
        self.look_for_divergence()
        interval = (self.step - 1) % self.trial.evaluation_interval + 1  # steps since the last evaluation
        now = time.monotonic()
        rate = (
            (self.step - self.mark[1]) * self.trial.batch_size * self.strategy.batches_per_step / (now - self.mark[0])
        )
        batches = interval * self.strategy.batches_per_step
        train_losses = (self.meters.interval_losses / batches).tolist()
        weights = (self.meters.weights / interval).tolist()
        gradient_norms = self.pack.trunk_gradient_norm().tolist()
        of_strategy = self.strategy.scalars(self.state)
        check_scalars(self.strategy, of_strategy, len(self.trials))
        scalars = {name: values.tolist() for name, values in of_strategy.items()}
        gradients = self._gradients() if self.trial.gradient_diagnostics else {}
        cut = self.trial.dataset.evaluation_batch
        measured = {
            split: evaluate(self.pack, self.splits[split], len(self.trials), self.device, self.dtype, cut)
            for split in ("val", "test")
        }
        diverged_at = self.meters.diverged_at
        for i, trial in enumerate(self.trials):
            losses = [v[i] for values in measured.values() for name, v in values.items() if name.endswith("/loss")]
            if diverged_at[i] < 0 and not all(map(math.isfinite, losses)):
                diverged_at[i] = self.step  # the last update broke the network; no later batch may tell
            if diverged_at[i] >= 0:
                continue
            row: dict[str, Any] = {
                "step": self.step,
                "epoch": self.step * self.strategy.batches_per_step / trial.batches_per_epoch,
                "weight_sum": sum(weights[i]),
                "grad_norm/trunk": gradient_norms[i],
                "strategy_scalars": {name: values[i] for name, values in scalars.items()},
                "train_samples_per_second": rate,
                **{name: values[i] for name, values in gradients.items()},
            }
            for t, task in enumerate(self.tasks):
                row[f"train/{task.name}/loss"] = train_losses[i][t]
                row[f"weight/{task.name}"] = weights[i][t]
            for split, values in measured.items():
                row |= {f"{split}/{name}": per_seed[i] for name, per_seed in values.items()}
            self.rows[i].append(row)
        self.meters.end_interval()
        self.mark = (time.monotonic(), self.step)

    def _gradients(self) -> dict[str, list[float]]:
        """Diagnostics on batches that are not in the order of training, with dropout masks of their own."""
        drawn = zip(*(sampler.apart("diagnostics", self.step, N_BATCHES) for sampler in self.samplers), strict=True)
        batches = [partial(self._losses_of, b, -1 - self.step * N_BATCHES - i) for i, b in enumerate(drawn)]
        found = gradient_diagnostics(jacobians(self.pack, batches), self.tasks)
        return {name: values.tolist() for name, values in found.items()}

    def look_for_divergence(self) -> None:
        self.all_diverged = bool((self.meters.diverged_at >= 0).all())

    def outcomes(self) -> list[Outcome]:
        self.look_for_divergence()
        seconds = self._seconds()
        counts = self.strategy.solver_fallbacks(self.state)
        fallbacks = [None] * len(self.rows) if counts is None else counts.tolist()
        outcomes = []
        for rows, at, count in zip(self.rows, self.meters.diverged_at.tolist(), fallbacks, strict=True):
            state: Literal["done", "diverged"] = "diverged" if at >= 0 else "done"
            outcomes.append(Outcome(state, at if at >= 0 else self.step, rows, seconds, self.kernel, count))
        return outcomes

    # -- checkpoints

    def checkpoints(self) -> list[Checkpoint]:
        """One for each trial, so that trials may later run in other packs."""
        model, strategy = self.pack.state(), {"params": self.state.params, "buffers": self.state.buffers}
        slots, meters = optimizer_state(self.optimizer, self.pack, self.state), self.meters.state()
        seconds = self._seconds()

        def part(tensors: dict[str, Tensor], i: int) -> dict[str, Tensor]:
            return {name: t.detach()[i : i + 1].cpu().clone() for name, t in tensors.items()}

        return [
            Checkpoint(
                trial_id=trial.trial_id,
                step=self.step,
                model=part(model, i),
                strategy={kind: part(tensors, i) for kind, tensors in strategy.items()},
                optimizer={name: part(slot, i) for name, slot in slots.items()},
                meters=part(meters, i),
                rows=self.rows[i],
                seconds=seconds,
                data_fingerprint=self.data_fingerprint,
                kernel=self.kernel,
            )
            for i, trial in enumerate(self.trials)
        ]

    def _restore(self, checkpoints: Sequence[Checkpoint]) -> None:
        def join(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
            return {name: torch.cat([part[name] for part in parts]).to(self.device) for name in parts[0]}

        self.step = checkpoints[0].step
        self.pack.load(join([c.model for c in checkpoints]))
        params = join([c.strategy["params"] for c in checkpoints])
        with torch.no_grad():
            for name, parameter in self.state.params.items():
                parameter.copy_(params[name])
        self.state = State(self.state.params, join([c.strategy["buffers"] for c in checkpoints]))
        slots = {name: join([c.optimizer[name] for c in checkpoints]) for name in checkpoints[0].optimizer}
        restore_optimizer(self.optimizer, self.pack, self.state, slots)
        self.meters.load(join([c.meters for c in checkpoints]))
        self.rows = [list(c.rows) for c in checkpoints]
        self.seconds_before = max(c.seconds for c in checkpoints)
        if checkpoints[0].kernel != self.kernel:  # rounding may differ from here on, and the row says so
            self.kernel = f"{checkpoints[0].kernel}, {self.kernel}"
        self.look_for_divergence()

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started
