"""The trunk's representation of test examples, stored while a trial is trained: what `embed_at` of a sweep asks for."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from mtlray.results.ledger import Ledger
from mtlray.results.representations import write_representation
from mtlray.specs import TrialSpec
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

N_EXAMPLES = 1000
"""How many test examples are stored, the first ones of the split."""


class Representations:
    """Called after each step of a pack; stores the representations of its trials at the steps `at`.

    A trial that continues from a checkpoint was past the steps before it and has stored them.
    """

    def __init__(self, trials: Sequence[TrialSpec], ledger: Ledger, at: Sequence[int]) -> None:
        self._trials, self._ledger, self._at = trials, ledger, frozenset(at)

    def __call__(self, run: Run, data: PackData) -> None:
        """Raises OSError."""
        if run.step not in self._at:
            return
        features = represent(run, data, N_EXAMPLES)
        for trial, of_trial in zip(self._trials, features, strict=True):
            table = _table(trial, run.step, of_trial, labels(data, len(of_trial)))
            write_representation(self._ledger.store, trial.dataset.label, trial.trial_id, run.step, table)


@torch.no_grad()
def represent(run: Run, data: PackData, n_examples: int) -> np.ndarray:
    """What the trunk makes of the first test examples, `[seed, example, feature]`.

    A trunk that keeps a map of features is averaged over its places, as before a classifier. Raises SpecError where the heads
    read several tensors.
    """
    test, networks = data.splits["test"], run.networks
    indices = torch.arange(min(n_examples, len(test)), device=networks.device).expand(networks.n_seeds, -1)
    made = networks.represent(test.inputs.gather(test.located(indices), networks.dtype))
    features: np.ndarray = (made.flatten(3).mean(dim=3) if made.ndim > 3 else made).double().cpu().numpy()
    return features


def labels(data: PackData, n_examples: int) -> dict[str, np.ndarray]:
    """`label/{task}` of the same examples, for each task of the data set that has one class an example."""
    test = data.splits["test"]
    indices = torch.arange(n_examples)[None]
    return {
        f"label/{task}": column.gather(test.located(indices.to(column.values.device)), torch.float32)[0].cpu().numpy()
        for task, column in test.targets.items()
        if column.kind == "label" and column.values.ndim == 1
    }


def epoch(trial: TrialSpec, step: int) -> float:
    """Passes over the training subset after a number of steps."""
    return step * trial.strategy.batches_per_step / trial.batches_per_epoch


def _table(trial: TrialSpec, step: int, features: np.ndarray, of_examples: dict[str, np.ndarray]) -> pa.Table:
    n = len(features)
    head: dict[str, Any] = {
        "trial_id": trial.trial_id,
        "strategy": trial.strategy.label,
        "fraction": trial.fraction,
        "seed": trial.seed,
        "step": step,
        "epoch": epoch(trial, step),
    }
    columns: dict[str, Any] = {name: [value] * n for name, value in head.items()} | {"example": np.arange(n)}
    values = pa.array(features.astype(np.float32).ravel())
    return pa.table(
        {**columns, **of_examples, "features": pa.FixedSizeListArray.from_arrays(values, features.shape[1])}
    )
