"""Embeddings of a sweep's trials, made one after the other and stored beside its results."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mtlray.data.files.remote import make_ready
from mtlray.results.ledger import Ledger
from mtlray.running.embedding import embed, steps_of
from mtlray.running.surroundings import device_of, surroundings
from mtlray.specs import RunConfig, TrialSpec


def embed_trials(
    trials: Sequence[TrialSpec], ledger: Ledger, config: RunConfig, at: Sequence[str], n_examples: int
) -> Iterator[str]:
    """Write `embeddings/<data set>/<trial_id>.parquet` for each trial; yields a line for each. Raises what `embed` raises."""
    steps = [steps_of(trial, at) for trial in trials]  # all are checked before the first is trained
    root = Path(config.data)
    for trial, chosen in zip(trials, steps, strict=True):
        make_ready(trial.dataset, root, config.data_from)
        with surroundings(config):
            made = embed(
                trial,
                trial.dataset.load(root),
                chosen,
                n_examples=n_examples,
                device=device_of(config),
                recorded=_recorded(ledger, trial),
                progress=lambda step: None,
                activation_checkpointing=config.activation_checkpointing,
            )
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


def _recorded(ledger: Ledger, trial: TrialSpec) -> dict[int, dict[str, Any]]:
    """The trial's own curve by step; empty where there is none."""
    curves = ledger.curves(trial.dataset.label)
    if curves is None:
        return {}
    return {row["step"]: row for row in curves.to_pylist() if row["trial_id"] == trial.trial_id}
