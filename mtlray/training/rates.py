"""The learning rates of each step, as a spec's schedule gives them."""

import warnings
from collections.abc import Sequence

import torch
from torch.optim import lr_scheduler

from mtlray.specs import OptimizerSpec
from mtlray.specs.schedule import Cosine, MultiStep, Plateau, Schedule, Steps


class Rates:
    """The rates of the network's and of the strategy's parameters, step after step.

    torch's schedulers have the rates as their state, so they run here on an optimizer of one number. A resumed trial takes them
    through all steps and scores that lie behind it, so that nothing has to be stored.
    """

    def __init__(self, spec: OptimizerSpec, steps: int) -> None:
        base = (spec.lr, spec.strategy_lr or spec.lr)
        self._shadow = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in base])
        self._halve_every = spec.halve_every
        self._base = base
        self._scheduler = None if spec.schedule is None else _scheduler(self._shadow, spec.schedule, steps)
        self._plateau = _plateau(self._shadow, spec.schedule)
        self._step, self._warmed_up = 0, spec.schedule.warmup if spec.schedule is not None else 0

    def at(self, step: int) -> tuple[float, float] | None:
        """The rates of a step, counted from 0 and never smaller than before; None where they never change."""
        if self._halve_every is not None:
            factor = 0.5 ** (step // self._halve_every)
            return self._base[0] * factor, self._base[1] * factor
        if self._scheduler is None:
            return None
        while self._step < step:
            self._shadow.step()
            self._step += 1
            if self._step == self._warmed_up:
                _step_quietly(self._scheduler)
            else:
                self._scheduler.step()
        first, second = (float(group["lr"]) for group in self._shadow.param_groups)
        return first, second

    def evaluated(self, score: float) -> None:
        """The validation score of an evaluation, for a schedule that goes by it."""
        if self._plateau is not None:
            self._plateau.step(score)

    def replay(self, rows: Sequence[tuple[int, float]]) -> None:
        """Go through the evaluations behind a resumed trial, `(step, score)` each."""
        for step, score in rows:
            self.at(step)
            self.evaluated(score)


def _step_quietly(scheduler: lr_scheduler.LRScheduler) -> None:
    """The step at which SequentialLR itself calls its next part in a way that some versions of torch warn about."""
    with warnings.catch_warnings():  # it changes the state of the whole process, so not at each step
        warnings.filterwarnings("ignore", message="The epoch parameter in `scheduler.step", category=UserWarning)
        scheduler.step()


def _scheduler(shadow: torch.optim.Optimizer, schedule: Schedule, steps: int) -> lr_scheduler.LRScheduler:
    warmup = schedule.warmup
    if not warmup:
        return _after_warmup(shadow, schedule, steps)
    rising = lr_scheduler.LinearLR(shadow, start_factor=1 / warmup, total_iters=warmup)
    if schedule.by_score or type(schedule) is Schedule:
        return rising
    return lr_scheduler.SequentialLR(shadow, [rising, _after_warmup(shadow, schedule, steps - warmup)], [warmup])


def _after_warmup(shadow: torch.optim.Optimizer, schedule: Schedule, steps: int) -> lr_scheduler.LRScheduler:
    match schedule:
        case Cosine(end=end):
            # torch's `eta_min` is one rate for all groups
            lowest = min(group["lr"] for group in shadow.param_groups) * end
            return lr_scheduler.CosineAnnealingLR(shadow, T_max=max(1, steps), eta_min=lowest)
        case Steps(every=every, factor=factor):
            return lr_scheduler.StepLR(shadow, every, gamma=factor)
        case MultiStep(at=at, factor=factor):
            return lr_scheduler.MultiStepLR(shadow, list(at), gamma=factor)
        case _:
            return lr_scheduler.ConstantLR(shadow, factor=1.0)


def _plateau(shadow: torch.optim.Optimizer, schedule: Schedule | None) -> lr_scheduler.ReduceLROnPlateau | None:
    if not isinstance(schedule, Plateau):
        return None
    return lr_scheduler.ReduceLROnPlateau(
        shadow, mode="max", factor=schedule.factor, patience=schedule.patience, threshold=schedule.threshold,
        threshold_mode="abs",
    )  # fmt: skip
