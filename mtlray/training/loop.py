"""The training loop. It knows one verb, `strategy.backward`, and reads no strategy's, data set's or model's name."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import torch

from mtlray.data import Dataset
from mtlray.models import Computation
from mtlray.results.states import TrialState
from mtlray.specs import TrialSpec
from mtlray.training.checkpoint import Checkpoint, Interrupted
from mtlray.training.contract import check_state, refuse_global_randomness
from mtlray.training.curve import Curves
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

# Neither changes a number: a look at divergence waits for the device, and the step it finds is exact all the same.
_LOOK_EVERY = 50  # steps
_PROGRESS_EVERY = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one trial ended: its curve, one row an evaluation, and at which step it stopped."""

    state: TrialState
    """DONE or DIVERGED."""
    step: int
    rows: list[dict[str, Any]]
    seconds: float
    kernel: str
    solver_fallbacks: int | None = None
    trivial: Mapping[tuple[str, str], float | None] = field(default_factory=dict)
    """The value of each (task, metric) for its best constant prediction; see `mtlray.training.score`."""


def walk(run: Run, until: int) -> Iterator[int]:
    """Train to step `until`, or until all trials have diverged, and give the number of each step once it is done.

    Whoever walks looks at the run between two steps. Raises SpecError where the strategy, the model or a loss draws from
    torch's global generator, or the strategy's state loses its form; and what the strategy or the model raises.
    """
    random_state, first = torch.get_rng_state(), run.step + 1
    while run.step < until and not run.all_diverged:
        run.advance()
        if run.step in (first, until):
            refuse_global_randomness(run.strategy, random_state)
            check_state(run.strategy, run.state, run.networks.n_seeds)
        if run.step % _LOOK_EVERY == 0:
            run.look_for_divergence()
        yield run.step


def train(
    trials: Sequence[TrialSpec],
    dataset: Dataset,
    computation: Computation,
    *,
    checkpoints: Sequence[Checkpoint | None],
    checkpoint_seconds: float,
    save: Callable[[Checkpoint], None],
    progress: Callable[[int], bool | None],
    look: Callable[[Run, PackData, Curves], object] = lambda run, data, curves: None,
) -> list[Outcome]:
    """Train a pack: trials equal in all but the seed, each from its checkpoint, all of which stand at the same step.

    `save` is called with each trial's checkpoint about every `checkpoint_seconds`, `look` after each step and its evaluation, and
    `progress` with the step about once a second; where that returns True, checkpoints are saved and Interrupted is raised. A
    non-finite loss, in training or in an evaluation, ends a trial as diverged; its pack continues. A trial with `patience` may
    end before its last step, as done. Raises what the strategy or the model raises.
    """
    steps, interval = trials[0].steps, trials[0].evaluation_interval
    with closing(PackData(trials, dataset, computation.device)) as data:
        run = Run.of(trials, data, computation)
        saved = [checkpoint for checkpoint in checkpoints if checkpoint is not None]
        if saved:
            run.restore(saved)
        curves = Curves(trials, data, run, saved)
        last_save = last_progress = time.monotonic()
        for step in walk(run, steps):
            if step % interval == 0 or step == steps:
                curves.evaluate()
            look(run, data, curves)
            if curves.out_of_patience:
                break
            now, stop = time.monotonic(), False
            if now - last_progress >= _PROGRESS_EVERY:
                stop, last_progress = bool(progress(step)) and step < steps, now
            if stop or now - last_save >= checkpoint_seconds:
                for checkpoint in curves.checkpoints():
                    save(checkpoint)
                last_save = time.monotonic()
            if stop:
                raise Interrupted(step)
        return _outcomes(run, curves)


def _outcomes(run: Run, curves: Curves) -> list[Outcome]:
    seconds, counts = curves.seconds, run.strategy.solver_fallbacks(run.state)
    fallbacks = [None] * len(curves.rows) if counts is None else counts.tolist()
    outcomes = []
    for rows, at, count in zip(curves.rows, run.meters.diverged_at.tolist(), fallbacks, strict=True):
        state = TrialState.DIVERGED if at >= 0 else TrialState.DONE
        outcomes.append(
            Outcome(state, at if at >= 0 else run.step, rows, seconds, run.kernel, count, curves.score.trivial)
        )
    return outcomes
