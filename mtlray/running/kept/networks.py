"""Kept networks of finished trials, back in memory, and what they predict."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mtlray.data import Dataset, Examples
from mtlray.data.base import SplitName
from mtlray.data.files.remote import make_ready
from mtlray.errors import ResultsError
from mtlray.models import Networks
from mtlray.results.kept import read_weights
from mtlray.results.ledger import Ledger
from mtlray.running.kept.keeping import named_predictions, predictions_table
from mtlray.running.surroundings import computation_of, surroundings
from mtlray.specs import RunConfig, TrialSpec
from mtlray.training.predicting import predict
from mtlray.training.sampling import of_tasks
from mtlray.training.starting import rebuilt


def kept_network(trial: TrialSpec, ledger: Ledger, config: RunConfig) -> tuple[Networks, int]:
    """A trial's kept network, and the step that it is of. Raises ResultsError and SpecError."""
    weights, facts = read_weights(ledger.store, trial.dataset.label, trial.trial_id)
    return rebuilt(trial, weights, computation_of(config)), int(facts["step"])


def predict_to_file(trial: TrialSpec, ledger: Ledger, config: RunConfig, split: SplitName, out: Path) -> str:
    """Write what a trial's kept network predicts for a split as Parquet, one row for each example; returns a line on it.

    The columns are those of the kept predictions, for all tasks that the trial trains; where each task has examples of its own,
    the examples are theirs. Raises DataError, ResultsError and SpecError.
    """
    with surroundings(config):
        networks, step = kept_network(trial, ledger, config)
        examples = _data_of(trial, ledger, config).splits[split]
        examples = of_tasks(examples, [task.name for task in trial.tasks], trial)
        if len(examples) == 0:
            raise ResultsError(f"{trial.dataset.label} has no {split} examples. Choose another --split.")
        n, tables = 0, _tables(trial, networks, step, examples)
        first = next(tables)
        try:
            with pq.ParquetWriter(out, first.schema, compression="zstd") as writer:
                for table in itertools.chain([first], tables):
                    writer.write_table(table)
                    n += table.num_rows
        except OSError as error:
            raise ResultsError(f"Predictions should be written to {out}. Found: {error}.") from error
    return f"{n:,} {split} examples, predicted by the network of step {step}, in {out}"


def _tables(trial: TrialSpec, networks: Networks, step: int, examples: Examples) -> Iterator[pa.Table]:
    first = 0
    batches = predict(networks, examples, trial.dataset.evaluation_batch)
    for batch in named_predictions(networks.tasks, batches):
        columns: dict[str, np.ndarray] = {name: tensor[0].cpu().numpy() for name, tensor in batch.items()}
        table = predictions_table(trial.trial_id, step, columns, first)
        first += table.num_rows
        yield table


def _data_of(trial: TrialSpec, ledger: Ledger, config: RunConfig) -> Dataset:
    """The data, and the same as the trial was trained on where it is finished. Raises DataError and ResultsError."""
    root = Path(config.data)
    make_ready(trial.dataset, root, config.data_from)
    dataset = trial.dataset.load(root)
    record = ledger.records(every_byte=False)[0].get(trial.trial_id)
    if record is not None and record.data_fingerprint != dataset.fingerprint:
        raise ResultsError(
            f"Trial {trial.trial_id} was trained on {trial.dataset.label} of fingerprint {record.data_fingerprint}. Found "
            f"{dataset.fingerprint} in {root}. Name the folder of the same data with --data."
        )
    return dataset
