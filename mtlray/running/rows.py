"""A trial's outcome as the rows that are stored: its curve, and one summary row for each task and metric."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from mtlray.identity.provenance import Commit, versions
from mtlray.results.schema import SPLITS, SUMMARY, curves_schema
from mtlray.results.states import TrialState
from mtlray.specs import TrialSpec
from mtlray.tasks.metrics import Metric
from mtlray.words.masking import masked


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """Everything stored with a trial's numbers that does not change them."""

    sweep: str
    fingerprint: str
    commit: Commit
    device: str
    pack_size: int
    attempts: int
    seconds: float
    kernel: str = ""
    peak_memory_bytes: int | None = None


def curves_table(trial: TrialSpec, rows: list[dict[str, Any]]) -> pa.Table:
    """One row for each evaluation, with null in the columns of tasks that the trial did not train."""
    schema = curves_schema([(task.name, [m.name for m in task.metrics]) for task in trial.dataset.tasks])
    constant = {
        "trial_id": trial.trial_id,
        "strategy": trial.strategy.label,
        "fraction": trial.fraction,
        "seed": trial.seed,
    }
    complete = [{**dict.fromkeys(schema.names), **constant, **row} for row in rows]
    for row in complete:
        row["strategy_scalars"] = list((row["strategy_scalars"] or {}).items())
    return pa.Table.from_pylist(complete, schema=schema)


def summary_table(
    trial: TrialSpec,
    state: TrialState,
    step: int,
    rows: list[dict[str, Any]],
    about: Circumstances,
    error: str = "",
    solver_fallbacks: int | None = None,
    trivial: Mapping[tuple[str, str], float | None] = MappingProxyType({}),
) -> pa.Table:
    """One row for each task and metric; the numbers are null where the trial was never evaluated."""
    rates = sorted(row["train_samples_per_second"] for row in rows)
    common = {
        **identity_columns(trial),
        **_circumstances(about),
        "state": str(state),
        "steps": step,
        "stopped_early": state is TrialState.DONE and trial.patience is not None and step < trial.steps,
        "n_evaluations": len(rows),
        "solver_fallbacks": solver_fallbacks,
        "train_samples_per_second": rates[len(rates) // 2] if rates else None,
        "error": masked(error),
    }
    table = [
        {
            **dict.fromkeys(SUMMARY.names),
            **common,
            "task": task.name,
            "metric": metric.name,
            "unit": metric.unit,
            "higher_is_better": metric.higher_is_better,
            "trivial": trivial.get((task.name, metric.name)),
            "perfect": metric.perfect,
            **selections(rows, task.name, metric),
            **joint_selections(rows, task.name, metric),
        }
        for task in trial.tasks
        for metric in task.metrics
    ]
    return pa.Table.from_pylist(table, schema=SUMMARY)


def identity_columns(trial: TrialSpec) -> dict[str, Any]:
    """Columns of the summary that follow from the spec alone."""
    return {
        "trial_id": trial.trial_id,
        "results_version": trial.results_version,
        "dataset": trial.dataset.label,
        "data_origin": trial.dataset.origin,
        "model": trial.model.label,
        "strategy": trial.strategy.label,
        "strategy_params": trial.strategy_json,
        "backward_passes": trial.strategy.backward_passes,
        "optimizer": trial.optimizer.label,
        "learning_rate": trial.optimizer.lr,
        "fraction": trial.fraction,
        "seed": trial.seed,
        "component_versions": json.dumps(trial.component_versions),
        "spec": trial.canonical,
    }


def _circumstances(about: Circumstances) -> dict[str, Any]:
    """Columns of the summary that say where, when and by what the trial was run."""
    return {
        "sweep": about.sweep,
        "data_fingerprint": about.fingerprint,
        "seconds": about.seconds,
        "peak_memory_bytes": about.peak_memory_bytes,
        "pack_size": about.pack_size,
        "attempts": about.attempts,
        "commit": about.commit.sha,
        "dirty": about.commit.dirty,
        "versions": versions(),
        "device": about.device,
        "kernel": about.kernel or None,
    }


def selections(rows: list[dict[str, Any]], task: str, metric: Metric) -> dict[str, float | int | None]:
    """What each selection rule picks from a curve, for one metric of one task on its own.

    `best_test` is the best test value (the first of equals); `at_best_val` the test value at the evaluation where the same
    metric is best on the validation split; null where there is no such split.
    """
    sign = 1 if metric.higher_is_better else -1

    def best(column: str) -> int | None:
        candidates = [i for i, row in enumerate(rows) if math.isfinite(row.get(column, math.nan))]
        return max(candidates, key=lambda i: sign * rows[i][column]) if candidates else None

    test, val = f"test/{task}/{metric.name}", f"val/{task}/{metric.name}"
    at_test, at_val = best(test), best(val)
    tail = [row[test] for row in rows[-10:]]
    return {
        "last": rows[-1][test] if rows else None,
        "mean_last_10": math.fsum(tail) / len(tail) if tail else None,
        "best_test": rows[at_test][test] if at_test is not None else None,
        "best_test_step": rows[at_test]["step"] if at_test is not None else None,
        "at_best_val": rows[at_val][test] if at_val is not None else None,
        "best_val": rows[at_val][val] if at_val is not None else None,
        "best_val_step": rows[at_val]["step"] if at_val is not None else None,
    }


def joint_selections(rows: list[dict[str, Any]], task: str, metric: Metric) -> dict[str, float | int | None]:
    """The test value at the one evaluation that is best for all tasks of the trial together, by its score on a split.

    The first of equals, so that all rows of a trial are of one network. Null where no evaluation has a score.
    """
    found: dict[str, float | int | None] = {}
    for split in SPLITS:
        scored = [(row[f"{split}/score"], row) for row in rows if row.get(f"{split}/score") is not None]
        score, at = max(scored, key=lambda pair: pair[0]) if scored else (None, {})
        found[f"at_joint_{split}"] = at.get(f"test/{task}/{metric.name}")
        found[f"joint_{split}_step"] = at.get("step")
        if split == "val":
            found["joint_val_score"] = score
    return found
