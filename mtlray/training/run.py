"""A run: what training changes, between two steps. It reads no strategy's, data set's or model's name."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mtlray.axes import Weights
from mtlray.models import Computation, Networks
from mtlray.models.kernels import kernel_name
from mtlray.specs import OptimizerSpec, TrialSpec
from mtlray.strategies import AbstractStrategy, State
from mtlray.tasks.task_losses import TaskLosses
from mtlray.training.absence import by_task
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.contract import initial_state, on_device
from mtlray.training.meters import Meters, Present
from mtlray.training.optimizers import (
    build_optimizer,
    clip_gradients,
    optimizer_state,
    restore_optimizer,
    set_learning_rates,
)
from mtlray.training.rates import Rates
from mtlray.training.sampling import Inputs, PackData
from mtlray.training.starting import start_from
from mtlray.training.steps import PartStep, WholeStep, end_epoch


class Run:
    """The networks of a pack, the strategy's state, the optimizer and the meters, which `advance` takes from step to step.

    `batch` gives inputs and targets of a mini-batch by its number, of which `batches_per_epoch` are an epoch; `steps` are all
    of the trial. `present` says which tasks have a label in a mini-batch; it is None where no label is missing. `kernel` names
    what computed the run so far. `all_diverged` is as `look_for_divergence` found it last.
    """

    def __init__(
        self,
        networks: Networks,
        strategy: AbstractStrategy,
        optimizer: OptimizerSpec,
        batch: Callable[[int], Inputs],
        batches_per_epoch: int,
        steps: int,
        present: Callable[[int], Present] | None = None,
    ) -> None:
        self.networks, self.strategy = networks, strategy
        tasks, seeds, device, dtype = networks.tasks, networks.seeds, networks.device, networks.dtype
        self.state = initial_state(strategy, tasks, seeds, device, dtype, networks.n_shared)
        if present is not None:
            self.state = by_task(strategy, self.state, len(tasks))
        parameters = list(networks.parameters.values())
        self.optimizer = build_optimizer(optimizer, parameters, self.state.params, stacked=networks.stacked)
        self.rates = Rates(optimizer, steps)
        counted = present is not None
        self.meters = Meters(len(seeds), len(tasks), strategy.batches_per_step, device, dtype, counted=counted)
        self.step = 0
        self.all_diverged = False
        self.kernel = kernel_name(networks.kernel)
        self._trained = [*parameters, *self.state.params.values()]
        self._optimizer_spec, self._batches_per_epoch = optimizer, batches_per_epoch
        self._batch, self._present = batch, present

    @classmethod
    def of(cls, trials: Sequence[TrialSpec], data: PackData, computation: Computation) -> "Run":
        """The run of trials that are equal in all but the seed, before its first step."""
        trial, seeds = trials[0], [trial.seed for trial in trials]
        shape = trial.dataset.input_shape
        networks = Networks(trial.model, shape, trial.tasks, seeds, computation, trial.precision)
        if trial.start_from is not None:
            start_from(networks, trial.start_from)
        present = data.present if data.lacks_labels else None
        return cls(networks, trial.strategy, trial.optimizer, data.batch, trial.batches_per_epoch, trial.steps, present)

    def upcoming(self) -> list[TaskLosses]:
        """The losses on the mini-batches of the next step, of all tasks."""
        return [self.networks.losses(*self._batch(number), number) for number in self._numbers()]

    def _next(self) -> WholeStep | PartStep:
        if self._present is None:
            return WholeStep(self.strategy, self.upcoming())
        present = torch.stack([self._present(number) for number in self._numbers()])
        taking_part = present.all(dim=0)
        apart = self.networks.stacked and self.strategy.by_task.in_step
        if bool(taking_part.all()) and not apart:
            return WholeStep(self.strategy, self.upcoming())
        batches = [(number, *self._batch(number)) for number in self._numbers()]

        def make(networks: Networks, seed: int, tasks: Sequence[int]) -> list[TaskLosses]:
            own = slice(seed, seed + 1)
            return [networks.losses(x[own], [t[own] for t in targets], n, tasks) for n, x, targets in batches]

        return PartStep(self.strategy, self.networks, taking_part, make)

    def advance(self) -> Weights:
        """One optimizer step; returns the weights of the tasks, `[seed, task]`. Nothing in here waits for the device.

        Raises SpecError where the strategy's weights have another shape, and what the strategy or the model raises.
        """
        numbers, step = self._numbers(), self._next()
        for parameter in self._trained:  # the optimizer's own way to say this takes a hundredth of a step
            parameter.grad = None
        weights, self.state = step.backward(self.state)
        if (rates := self.rates.at(self.step)) is not None:
            set_learning_rates(self.optimizer, rates)
        if self._optimizer_spec.clip_norm is not None:
            network = list(self.networks.parameters.values())
            clip_gradients(network, self._optimizer_spec.clip_norm, stacked=self.networks.stacked)
        step.update(self.optimizer, self.state)
        self.state = step.end(self.state)
        self.step += 1
        self.meters.add_weights(weights, step.present)
        for number, values in zip(numbers, step.values, strict=True):
            self.meters.add(self.step, values, step.present)
            if (number + 1) % self._batches_per_epoch == 0:
                mean, present = self.meters.end_epoch(self._batches_per_epoch)
                self.state = end_epoch(self.strategy, mean, present, self.state)
        return weights

    def _numbers(self) -> range:
        first = self.step * self.strategy.batches_per_step
        return range(first, first + self.strategy.batches_per_step)

    def look_for_divergence(self) -> None:
        """Find out whether all trials have diverged; waits for the device."""
        self.all_diverged = bool((self.meters.diverged_at >= 0).all())

    def checkpoints(self, trial_ids: Sequence[str]) -> list[Checkpoint]:
        """One for each trial, so that trials may later run in other packs; without a curve, of which a run knows nothing."""
        model, strategy = self.networks.state(), {"params": self.state.params, "buffers": self.state.buffers}
        slots, meters = optimizer_state(self.optimizer, self.networks, self.state), self.meters.state()

        def part(tensors: dict[str, Tensor], i: int) -> dict[str, Tensor]:
            return {name: t.detach()[i : i + 1].cpu().clone() for name, t in tensors.items()}

        return [
            Checkpoint(
                trial_id=trial_id,
                step=self.step,
                model=part(model, i),
                strategy={kind: part(tensors, i) for kind, tensors in strategy.items()},
                optimizer={name: part(slot, i) for name, slot in slots.items()},
                meters=part(meters, i),
                kernel=self.kernel,
            )
            for i, trial_id in enumerate(trial_ids)
        ]

    def restore(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Continue from checkpoints of the same trials, one for each and all at the same step."""

        def join(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
            return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

        def moved(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
            return {name: tensor.to(device) for name, tensor in join(parts).items()}

        device = self.networks.device
        self.step = checkpoints[0].step
        self.networks.load(moved([c.model for c in checkpoints]))
        params = moved([c.strategy["params"] for c in checkpoints])
        buffers = join([c.strategy["buffers"] for c in checkpoints])
        with torch.no_grad():
            for name, parameter in self.state.params.items():
                parameter.copy_(params[name])
        self.state = State(self.state.params, on_device(self.strategy, buffers, device))
        slots = {name: moved([c.optimizer[name] for c in checkpoints]) for name in checkpoints[0].optimizer}
        restore_optimizer(self.optimizer, self.networks, self.state, slots)
        self.meters.load(moved([c.meters for c in checkpoints]))
        if checkpoints[0].kernel != self.kernel:  # rounding may differ from here on, and the row says so
            self.kernel = f"{checkpoints[0].kernel}, {self.kernel}"
        self.look_for_divergence()
