"""The trunk's representation of test examples at chosen training steps, laid out in the plane by t-SNE and stored.

Checkpoints are removed when a trial ends, so the chosen trials are trained once more in this process: a trial's numbers depend
on its spec and its data alone. Where the trial's own curve is there, its test values are compared with those met on the way.
"""

import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mtlray.checks import LARGEST, require
from mtlray.data import Dataset
from mtlray.data.files.remote import make_ready
from mtlray.errors import ResultsError, SpecError
from mtlray.models import Computation
from mtlray.results.ledger import Ledger
from mtlray.running.representations import epoch, labels, represent
from mtlray.running.surroundings import computation_of, surroundings
from mtlray.specs import RunConfig, TrialSpec
from mtlray.training.evaluation import evaluate
from mtlray.training.loop import walk
from mtlray.training.run import Run
from mtlray.training.sampling import PackData
from mtlray.words.values import shown

_FEWEST = 4  # points that t-SNE can lay out
NAMED_STEPS = ("first", "middle", "last")

Recorded = Mapping[int, Mapping[str, Any]]
"""The rows of a trial's own curve by step."""


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
        if name not in named and re.fullmatch("[0-9]{1,19}", name) is None:
            raise SpecError(
                f"Option --at should list {', '.join(NAMED_STEPS)} or numbers of steps. Found `{shown(name)}`."
            )
        step = named[name] if name in named else int(name)
        require(0 <= step <= trial.steps, "at", f"lie within the {trial.steps} steps of a trial", step)
        steps.add(step)
    return sorted(steps)


def embed_trials(
    trials: Sequence[TrialSpec], ledger: Ledger, config: RunConfig, at: Sequence[str], n_examples: int
) -> Iterator[str]:
    """Write `embeddings/<data set>/<trial_id>.parquet` for each trial; yields a line for each. Raises what `embed` raises."""
    require(_FEWEST <= n_examples <= LARGEST, "examples", f"be at least {_FEWEST}", n_examples)
    steps = [steps_of(trial, at) for trial in trials]  # all are checked before the first is trained
    root = Path(config.data)
    for trial, chosen in zip(trials, steps, strict=True):
        make_ready(trial.dataset, root, config.data_from)
        with surroundings(config):
            dataset, recorded = trial.dataset.load(root), _recorded(ledger, trial)
            made = embed(trial, dataset, chosen, computation_of(config), n_examples=n_examples, recorded=recorded)
        path = f"embeddings/{trial.dataset.label}/{trial.trial_id}.parquet"
        buffer = io.BytesIO()
        pq.write_table(made.table, buffer, compression="zstd")
        ledger.store.write(path, buffer.getvalue())
        if made.difference is None:
            compared = "no recorded curve to compare with"
        elif made.difference == 0:
            compared = "test values equal the recorded ones"
        else:
            compared = f"test values differ from the recorded ones by up to {made.difference:g}"
        yield f"{trial.strategy.label}, seed {trial.seed}, steps {', '.join(map(str, chosen))}: {compared}"


def _recorded(ledger: Ledger, trial: TrialSpec) -> Recorded:
    """Empty where there is no curve."""
    curves = ledger.curves(trial.dataset.label)
    if curves is None:
        return {}
    return {row["step"]: row for row in curves.to_pylist() if row["trial_id"] == trial.trial_id}


def embed(
    trial: TrialSpec,
    dataset: Dataset,
    steps: Sequence[int],
    computation: Computation,
    *,
    n_examples: int,
    recorded: Recorded,
) -> Embedded:
    """Train one trial to the last of `steps` and lay out the first `n_examples` test examples at each of them.

    t-SNE is scikit-learn's (van der Maaten and Hinton 2008), begun from the principal components, with perplexity 30 and a
    fixed seed. Raises ResultsError where the trial diverges, and SpecError where the heads of its model read several tensors.
    """
    parts: list[dict[str, Any]] = []
    differences: list[float] = []
    with closing(PackData([trial], dataset, computation.device)) as data:
        run = Run.of([trial], data, computation)
        for step in itertools.chain([0], walk(run, max(steps))):
            if step in steps:
                _check_convergence(trial, run, max(steps))
                if step in recorded:
                    differences.append(_difference(trial, data, run, recorded[step]))
                parts.append(_part(trial, data, run, n_examples))
        _check_convergence(trial, run, max(steps))
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


def _check_convergence(trial: TrialSpec, run: Run, last: int) -> None:
    run.look_for_divergence()
    if run.all_diverged:
        raise ResultsError(
            f"The trunk should be embedded at step {last}. {trial.strategy.label} diverged before step {run.step + 1}. "
            "Choose earlier steps with --at, or another strategy."
        )


def _difference(trial: TrialSpec, data: PackData, run: Run, recorded: Mapping[str, Any]) -> float:
    """The largest absolute difference between the run's test values and the recorded ones of the same step."""
    batch = trial.dataset.evaluation_batch
    met = evaluate(run.networks, data.splits["test"], batch, data.labelled["test"])
    columns = {f"test/{name}": values[0] for name, values in met.items()}
    return max((abs(columns[n] - recorded[n]) for n in columns if recorded.get(n) is not None), default=0.0)


def _part(trial: TrialSpec, data: PackData, run: Run, n_examples: int) -> dict[str, Any]:
    """One step's rows."""
    plane = _tsne(represent(run, data, n_examples)[0])
    n = len(plane)
    return {
        "step": np.full(n, run.step),
        "epoch": np.full(n, epoch(trial, run.step)),
        "example": np.arange(n),
        "x": plane[:, 0],
        "y": plane[:, 1],
        **labels(data, n),
    }


def _tsne(points: np.ndarray) -> np.ndarray:
    """`[example, 2]` for `[example, feature]`."""
    from sklearn.manifold import TSNE

    require(len(points) >= 4, "examples", "be at least 4", len(points))
    perplexity = min(30.0, (len(points) - 1) / 3)
    plane: np.ndarray = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(points)
    return plane
