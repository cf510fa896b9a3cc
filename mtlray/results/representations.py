"""The stored representations of a sweep's test examples: representations/<dataset>/<trial_id>-<step>.parquet, sealed.

One row for each example: trial_id, strategy, fraction, seed, step, epoch, example (its place in the test split), `label/{task}`
for each task with one class an example, and features, a list of float32 of equal length.
"""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from mtlray.results.shards import Shards
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


def _shards(store: Store, dataset: str) -> Shards:
    return Shards(store, f"representations/{dataset}", _facts, lambda table: False)


def _facts(table: pa.Table) -> dict[str, Any]:
    return {"trials": table.column("trial_id").unique().to_pylist()}
