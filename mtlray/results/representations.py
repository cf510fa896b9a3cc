"""The stored representations of a sweep's test examples: representations/<dataset>/<trial_id>-<step>.parquet, sealed.

One row for each example: trial_id, strategy, fraction, seed, step, epoch, example (its place in the test split), `label/{task}`
for each task with one class an example, and features, a list of float32 of equal length.
"""

from collections.abc import Collection, Container
from typing import Any

import pyarrow as pa

from mtlray.results.shards import Shards, relabelled
from mtlray.storage.store import Store


def write_representation(store: Store, dataset: str, trial_id: str, step: int, table: pa.Table) -> None:
    """Store what a trial's trunk made of test examples at a step. Raises OSError."""
    _shards(store, dataset).write(f"{trial_id}-{step}.parquet", table)


def read_representations(store: Store, dataset: str, trials: Collection[str] | None = None) -> pa.Table | None:
    """All stored representations on a data set, or those of some `trials`, in the order of their steps.

    None where there are none that open.
    """
    shards = _shards(store, dataset)
    names = [name for name in shards.names() if trials is None or name.rpartition("-")[0] in trials]
    tables = [table for name in names if (table := shards.table(name)) is not None]
    return pa.concat_tables(tables, promote_options="default").sort_by("step") if tables else None


def representations_of(store: Store, dataset: str, trial_ids: Container[str]) -> list[tuple[str, str]]:
    """The stored representations of some trials on a data set: the id of the trial and the name of the file for each."""
    ids = [(name.partition("-")[0], name) for name in _shards(store, dataset).names()]
    return [(trial_id, name) for trial_id, name in ids if trial_id in trial_ids]


def copy_representation(store: Store, source: tuple[str, str], dataset: str, trial_id: str, strategy: str) -> None:
    """Store a representation, given by data set and file, once more, under another trial and its labels. Raises OSError.

    Nothing is stored for a file that does not open.
    """
    where, name = source
    table = _shards(store, where).table(name)
    if table is not None:
        table = relabelled(table, {"trial_id": trial_id, "strategy": strategy})
        _shards(store, dataset).write(f"{trial_id}-{name.partition('-')[2]}", table)


def _shards(store: Store, dataset: str) -> Shards:
    return Shards(store, f"representations/{dataset}", _facts, lambda table: False)


def _facts(table: pa.Table) -> dict[str, Any]:
    return {"trials": table.column("trial_id").unique().to_pylist()}
