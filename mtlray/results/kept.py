"""What `--keep` stores of a finished trial: kept/<dataset>/<trial_id>.safetensors and .parquet, both sealed.

The weights are those of one evaluation, or of the last step; the other file holds what that network predicts for the test split,
one row for each example: trial_id, step, example (its place in the split), `label/{task}` and `prediction/{task}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mtlray.errors import ResultsError
from mtlray.results.shards import Shards, relabelled
from mtlray.storage.failpoints import failpoint
from mtlray.storage.seal import BrokenSealError
from mtlray.storage.store import Store
from mtlray.storage.weights_file import facts_of_weights, sealed_weights

FOLDER = "kept"
WEIGHTS = ".safetensors"


@dataclass(frozen=True, slots=True)
class KeptNetwork:
    """A trial's kept network: a safetensors file with `facts` about it (trial_id, step, keep, spec), and its predictions."""

    weights: bytes
    predictions: pa.Table
    facts: Mapping[str, Any]


def write_kept(store: Store, dataset: str, trial_id: str, kept: KeptNetwork) -> None:
    """Store a trial's network, before the summary that makes the trial finished. Raises OSError."""
    store.write(_path(dataset, trial_id), sealed_weights(kept.weights, kept.facts))
    failpoint("kept-weights")
    _shards(store, dataset).write(f"{trial_id}.parquet", kept.predictions)


def read_weights(store: Store, dataset: str, trial_id: str) -> tuple[bytes, dict[str, Any]]:
    """A trial's kept weights, the bytes of a safetensors file, and the facts about them. Raises ResultsError and OSError."""
    path = _path(dataset, trial_id)
    try:
        data = store.read(path)
    except FileNotFoundError:
        raise ResultsError(
            f"The weights of trial {trial_id} should be in {store.where(path)}. Found no such file. Weights are kept by "
            "`mtlray run --keep best` or `--keep last`, of trials that end after it; a diverged trial has none."
        ) from None
    try:
        facts = facts_of_weights(data)
        if facts.get("trial_id") != trial_id:
            raise BrokenSealError(f"It holds the weights of {facts.get('trial_id', 'no trial')}.")
    except BrokenSealError as error:
        raise ResultsError(
            f"{store.where(path)} should hold the weights of trial {trial_id} as they were kept. Found others: {error} Remove "
            "the file. To keep weights once more, run the trial again with --keep and another --results."
        ) from error
    return data, facts


def is_kept(store: Store, dataset: str, trial_id: str) -> bool:
    """Whether weights of a trial lie below a data set's folder."""
    return store.exists(_path(dataset, trial_id))


def read_predictions(store: Store, dataset: str, trial_id: str) -> pa.Table | None:
    """What a trial's kept network predicts for the test split; None where there is no such file that opens."""
    return _shards(store, dataset).table(f"{trial_id}.parquet")


def kept_files(store: Store, dataset: str, trial_id: str) -> dict[str, bytes]:
    """What is kept of a trial, by the names of the files; empty where nothing is. Raises ResultsError and OSError."""
    if not is_kept(store, dataset, trial_id):
        return {}
    files = {f"{trial_id}{WEIGHTS}": read_weights(store, dataset, trial_id)[0]}
    name = f"{trial_id}.parquet"
    if store.exists(f"{FOLDER}/{dataset}/{name}"):
        files[name] = store.read(f"{FOLDER}/{dataset}/{name}")
    return files


def kept_sizes(store: Store) -> dict[str, int]:
    """The bytes that are kept of each trial, from listings."""
    sizes: dict[str, int] = {}
    for dataset in store.names(FOLDER):
        for name, size in store.sizes(f"{FOLDER}/{dataset}").items():
            trial_id = name.partition(".")[0]
            sizes[trial_id] = sizes.get(trial_id, 0) + size
    return sizes


def copy_kept(store: Store, source: tuple[str, str], dataset: str, trial_id: str, spec: str) -> None:
    """Store a trial's kept network, given by data set and trial, once more under another trial and its spec. Raises OSError.

    Nothing is stored for a trial without one, or where it does not open.
    """
    try:
        weights, facts = read_weights(store, *source)
    except ResultsError:
        return
    predictions = read_predictions(store, *source)
    if predictions is not None:
        about = {**facts, "trial_id": trial_id, "spec": spec}
        predictions = relabelled(predictions, {"trial_id": trial_id})
        write_kept(store, dataset, trial_id, KeptNetwork(weights, predictions, about))


def _path(dataset: str, trial_id: str) -> str:
    return f"{FOLDER}/{dataset}/{trial_id}{WEIGHTS}"


def _shards(store: Store, dataset: str) -> Shards:
    return Shards(store, f"{FOLDER}/{dataset}", _facts, lambda table: False)


def _facts(table: pa.Table) -> dict[str, Any]:
    return {"trials": table.column("trial_id").unique().to_pylist()}
