"""A large sweep for measurements: 40 strategies, 4 fractions, 10 seeds, 3 data sets, with curves and noise."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from fabricated import DATASET, TASKS, Sweep

from mtlray.results.ledger import SUMMARY, curves_schema

DATASETS = (DATASET, "multi_mnist-top-bottom", "multi_mnist-inner-outer")
STRATEGIES: dict[str, tuple[str, ...]] = {"stl:left": ("left",), "stl:right": ("right",), "equal": TASKS} | {
    f"method_{i:02}": TASKS for i in range(3, 40)
}
FRACTIONS = (1.0, 0.5, 0.25, 0.1)
N_SEEDS, N_EVALUATIONS = 10, 12


def large_sweep(results: Path, *, n_seeds: int = N_SEEDS, datasets: tuple[str, ...] = DATASETS) -> Sweep:
    """All trials done, in merged files, as `compact` leaves them: 4,800 trials and 57,600 evaluations by default."""
    noise = np.random.default_rng(3)
    sweep = Sweep(results, "large", data_origin=dict.fromkeys(datasets, "made up"), published=None)
    schema = curves_schema([(task, ["accuracy"]) for task in TASKS])
    for dataset in datasets:
        curves, summary = list[dict[str, Any]](), list[dict[str, Any]]()
        for (i, (strategy, tasks)), fraction, seed in itertools.product(
            enumerate(STRATEGIES.items()), FRACTIONS, range(n_seeds)
        ):
            trial = sweep.plan(strategy, tasks, dataset=dataset, fraction=fraction, seed=seed, write=False)
            rows = [_evaluation(trial, i, evaluation, noise) for evaluation in range(1, N_EVALUATIONS + 1)]
            curves += rows
            last = {task: rows[-1][f"test/{task}/accuracy"] for task in tasks}
            about = {
                "data_origin": "made up",
                "trivial": 11.0,
                "perfect": 100.0,
                "spec": '{"model": {"type": "LeNet"}}',
            }
            summary += sweep.rows(trial, last, **about)
        tables = pa.Table.from_pylist(curves, schema=schema), pa.Table.from_pylist(summary, schema=SUMMARY)
        sweep.ledger.commit(f"compact-{dataset}", dataset, *tables)
    sweep.ledger.write_sweep(sweep.description)
    return sweep


def _evaluation(trial: dict[str, Any], i: int, evaluation: int, noise: np.random.Generator) -> dict[str, Any]:
    row = {key: trial[key] for key in ("trial_id", "strategy", "fraction", "seed")}
    row |= {"step": 100 * evaluation, "epoch": float(evaluation), "grad_norm/trunk": 1.0 + noise.random()}
    for task in trial["tasks"]:
        level = 97 - 25 / (evaluation + 1) - 3 * (1 - trial["fraction"]) - 0.03 * i - (task == "right")
        for split in ("val", "test"):
            row[f"{split}/{task}/accuracy"] = level + 0.3 * noise.normal()
        row[f"weight/{task}"] = 1 + 0.1 * noise.normal()
    row["weight_sum"] = sum(row[f"weight/{task}"] for task in trial["tasks"])
    return row
