"""What the trunk makes of test examples at chosen steps of training, laid out in the plane by t-SNE.

Checkpoints go when a trial ends, so the chosen trials are trained once more in this process: a trial's numbers depend on its
spec and its data alone. Where the trial's own curve is there, its test values are compared with those met on the way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from mtlray.data import Dataset
from mtlray.errors import ResultsError, SpecError, require
from mtlray.specs import TrialSpec
from mtlray.training.loop import Run

NAMED_STEPS = ("first", "middle", "last")


@dataclass(frozen=True, slots=True)
class Embedded:
    """A trial's embedding as a table, and the largest difference of its test values from the recorded curve (None: no curve).

    The table has a row for each step and example: trial_id, strategy, fraction, seed, step, epoch, example (its place in
    the test split), x, y, and for each classification task of the data set `label/{task}`.
    """

    table: pa.Table
    difference: float | None


def steps_of(trial: TrialSpec, names: Sequence[str]) -> list[int]:
    """Steps by name or number: the first evaluation, the one nearest to half of the steps, and the last step.

    Raises SpecError for another name and for a number outside 0 to the trial's steps.
    """
    interval = trial.evaluation_interval
    named = {
        "first": min(interval, trial.steps),
        "middle": max(interval, round(trial.steps / 2 / interval) * interval)
        if interval < trial.steps
        else trial.steps,
        "last": trial.steps,
    }
    steps = set()
    for name in names:
        if name not in named and not name.isdigit():
            raise SpecError(f"Option --at should list {', '.join(NAMED_STEPS)} or numbers of steps. Found `{name}`.")
        step = named.get(name, int(name) if name.isdigit() else 0)
        require(0 <= step <= trial.steps, "at", f"lie within the {trial.steps} steps of a trial", step)
        steps.add(step)
    return sorted(steps)


def embed(
    trial: TrialSpec,
    dataset: Dataset,
    steps: Sequence[int],
    *,
    n_examples: int,
    device: torch.device,
    recorded: Mapping[int, Mapping[str, Any]],
    progress: Callable[[int], None],
    activation_checkpointing: bool = False,
) -> Embedded:
    """Train one trial to the last of `steps` and lay out the first `n_examples` test examples at each of them.

    `recorded` maps steps to rows of the trial's own curve. t-SNE is scikit-learn's (van der Maaten and Hinton 2008), begun
    from the principal components, with perplexity 30 and a fixed seed. Raises ResultsError where the trial diverges, and
    SpecError where the heads of its model read several tensors.
    """
    run = Run([trial], dataset, device, [None], activation_checkpointing=activation_checkpointing)
    parts: list[dict[str, Any]] = []
    differences: list[float] = []
    try:
        while True:
            if run.step in steps:
                if run.step in recorded:
                    run.evaluate()
                    if run.rows[0]:
                        differences.append(_difference(run.rows[0][-1], recorded[run.step]))
                parts.append(_part(run, trial, n_examples))
            if run.step >= max(steps):
                break
            run.advance()
            progress(run.step)
            if run.step % 50 == 0 or run.step in steps:
                run.look_for_divergence()
                if run.all_diverged:
                    raise ResultsError(
                        f"The trunk should be embedded at step {max(steps)}. {trial.strategy.label} diverged before step "
                        f"{run.step + 1}. Choose earlier steps with --at, or another strategy."
                    )
    finally:
        run.batches.close()
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    n = len(columns["step"])
    head = {
        "trial_id": trial.trial_id,
        "strategy": trial.strategy.label,
        "fraction": trial.fraction,
        "seed": trial.seed,
    }
    table = pa.table({**{name: [value] * n for name, value in head.items()}, **columns})
    return Embedded(table=table, difference=max(differences) if differences else None)


@torch.no_grad()
def _part(run: Run, trial: TrialSpec, n_examples: int) -> dict[str, Any]:
    """One step's rows."""
    test = run.splits["test"]
    indices = torch.arange(min(n_examples, len(test)), device=run.device).expand(1, -1)
    representation = run.pack.represent(test.inputs.gather(indices, run.dtype))[0]
    # A trunk that keeps a map of features is averaged over its places, as before a classifier.
    points = representation.flatten(2).mean(dim=2) if representation.ndim > 2 else representation
    plane = _tsne(points.double().cpu().numpy())
    n = len(plane)
    labels = {
        f"label/{task}": column.gather(indices, run.dtype)[0].cpu().numpy()
        for task, column in test.targets.items()
        if column.kind == "label" and column.values.ndim == 1
    }
    epoch = run.step * run.strategy.batches_per_step / trial.batches_per_epoch
    return {
        "step": np.full(n, run.step),
        "epoch": np.full(n, epoch),
        "example": np.arange(n),
        "x": plane[:, 0],
        "y": plane[:, 1],
        **labels,
    }


def _tsne(points: np.ndarray) -> np.ndarray:
    """`[example, 2]` for `[example, feature]`."""
    from sklearn.manifold import TSNE

    require(len(points) >= 4, "examples", "be at least 4", len(points))
    perplexity = min(30.0, (len(points) - 1) / 3)
    plane: np.ndarray = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(points)
    return plane


def _difference(met: Mapping[str, Any], recorded: Mapping[str, Any]) -> float:
    """The largest absolute difference between test values of one step."""
    names = [name for name in met if name.startswith("test/") and recorded.get(name) is not None]
    return max((abs(met[name] - recorded[name]) for name in names), default=0.0)
