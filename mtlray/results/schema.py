"""The Parquet schemas of a sweep's results, declared once."""

from collections.abc import Sequence

import pyarrow as pa

# Part of each trial's identity, and the same from now on: what alters numbers raises the `component_version` of what it changes.
RESULTS_VERSION = 5
# Results of this version and later lie in sealed files alone; one without a seal was written by something else.
SEALED_SINCE = 2

SPLITS = ("val", "test")
# Over all pairs of tasks; null in trials without diagnostics.
GRADIENT_DIAGNOSTICS = ("cosine", "conflict_rate", "magnitude_similarity", "condition_number")

SUMMARY = pa.schema(
    [
        ("trial_id", pa.string()),
        ("sweep", pa.string()),
        ("results_version", pa.int32()),
        ("dataset", pa.string()),
        ("data_origin", pa.string()),
        ("data_fingerprint", pa.string()),
        ("model", pa.string()),
        ("strategy", pa.string()),
        ("strategy_params", pa.string()),
        ("optimizer", pa.string()),
        ("learning_rate", pa.float64()),
        ("fraction", pa.float64()),
        ("seed", pa.int64()),
        ("state", pa.string()),
        ("task", pa.string()),
        ("metric", pa.string()),
        ("unit", pa.string()),
        ("higher_is_better", pa.bool_()),
        ("last", pa.float64()),
        ("mean_last_10", pa.float64()),
        ("best_test", pa.float64()),
        ("best_test_step", pa.int64()),
        ("at_best_val", pa.float64()),
        ("best_val", pa.float64()),
        ("best_val_step", pa.int64()),
        ("at_joint_val", pa.float64()),
        ("joint_val_score", pa.float64()),
        ("joint_val_step", pa.int64()),
        ("at_joint_test", pa.float64()),
        ("joint_test_step", pa.int64()),
        ("trivial", pa.float64()),
        ("perfect", pa.float64()),
        ("steps", pa.int64()),
        ("stopped_early", pa.bool_()),
        ("n_evaluations", pa.int64()),
        ("solver_fallbacks", pa.int64()),
        ("backward_passes", pa.string()),
        ("train_samples_per_second", pa.float64()),
        ("seconds", pa.float64()),
        ("peak_memory_bytes", pa.int64()),
        ("pack_size", pa.int32()),
        ("attempts", pa.int32()),
        ("commit", pa.string()),
        ("dirty", pa.bool_()),
        ("versions", pa.string()),
        ("device", pa.string()),
        ("kernel", pa.string()),
        ("component_versions", pa.string()),
        ("adopted", pa.string()),
        ("error", pa.string()),
        ("spec", pa.string()),
    ]
)

# The columns that depend on when, where and how often a trial ran. The numbers in all others depend on its spec alone.
SUMMARY_CIRCUMSTANCES = (
    "train_samples_per_second", "seconds", "peak_memory_bytes", "pack_size", "attempts", "commit", "dirty", "versions",
    "device", "kernel", "adopted",
)  # fmt: skip
CURVE_CIRCUMSTANCES = ("train_samples_per_second",)


def curves_schema(tasks: Sequence[tuple[str, Sequence[str]]]) -> pa.Schema:
    """The columns of one data set's curves; `tasks` are `(task, metric names)`.

    Every trial on a data set has the same columns, null where it did not train a task, so that the folder reads as one table.
    """
    columns: list[tuple[str, pa.DataType]] = [
        ("trial_id", pa.string()),
        ("strategy", pa.string()),
        ("fraction", pa.float64()),
        ("seed", pa.int64()),
        ("step", pa.int64()),
        ("epoch", pa.float64()),
    ]
    for split in SPLITS:
        for task, metrics in tasks:
            columns += [(f"{split}/{task}/{name}", pa.float64()) for name in ("loss", *metrics)]
    columns += [(f"{split}/score", pa.float64()) for split in SPLITS]
    columns += [(f"train/{task}/loss", pa.float64()) for task, _ in tasks]
    columns += [(f"weight/{task}", pa.float64()) for task, _ in tasks]
    columns += [(f"gradient/{name}", pa.float64()) for name in GRADIENT_DIAGNOSTICS]
    columns += [(f"gradient/norm/{task}", pa.float64()) for task, _ in tasks]
    columns += [
        ("weight_sum", pa.float64()),
        ("grad_norm/trunk", pa.float64()),
        ("strategy_scalars", pa.map_(pa.string(), pa.float64())),
        ("train_samples_per_second", pa.float64()),
    ]
    return pa.schema(columns)


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A summary shard in today's schema, or a part of it; a column that came later is null."""
    for column in schema:
        if column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(table.num_rows, column.type))
    return table.select(schema.names).cast(schema)
