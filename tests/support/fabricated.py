"""Fabricated results folders for the tests of analysis."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mtlray.analysis.grid.cells import SINGLE_TASK
from mtlray.analysis.grid.published import published
from mtlray.results.ledger import RESULTS_VERSION, SUMMARY, Ledger, curves_schema
from mtlray.running.rows import joint_selections, selections
from mtlray.tasks.metrics import Accuracy

DATASET = "multi_mnist-left-right"


ORIGIN = "mnist5k: 5,000 digits of MNIST, a stand-in for the full 70,000"


TASKS = ("left", "right")


STRATEGIES = {
    "stl:left": ("left",),
    "stl:right": ("right",),
    "equal": TASKS,
    "dwa": TASKS,
    "uncertainty": TASKS,
    "revised_uncertainty": TASKS,
}


LEVELS = {
    "stl:left": (97.5, None),
    "stl:right": (None, 96.0),
    "equal": (97.25, 96.5),
    "dwa": (97.0, 95.5),
    "uncertainty": (96.5, 94.75),
    "revised_uncertainty": (97.75, 96.25),
}


# What a trial has nothing of whose data set has no validation split.
NO_VALIDATION = dict.fromkeys(("at_best_val", "best_val", "at_joint_val", "joint_val_step", "joint_val_score"))

PICKED = ("last", "mean_last_10", "best_test", "at_best_val", "best_val", "at_joint_val", "at_joint_test")


class Sweep:
    """A sweep on disk: `plan` adds trials to sweep.json, `finish` commits one trial's summary."""

    def __init__(self, results: Path, name: str, **description: Any) -> None:
        self.folder = str(results / name)
        self.ledger = Ledger(str(results), name)
        self.description = {
            "name": name,
            "question": "Does weighting the losses help when data is scarce?",
            "results_version": RESULTS_VERSION,
            "selection": "best_val",
            "published": "gong2019:1",
            "data_origin": {DATASET: ORIGIN},
            "trials": [],
        } | description

    def plan(
        self,
        strategy: str,
        tasks: Iterable[str],
        *,
        dataset: str = DATASET,
        fraction: float = 1.0,
        seed: int = 0,
        write: bool = True,
        **setting: Any,
    ) -> dict[str, Any]:
        trial = {
            "trial_id": f"{len(self.description['trials']):016x}",
            "dataset": dataset,
            "strategy": strategy,
            "fraction": fraction,
            "seed": seed,
            "tasks": list(tasks),
            **setting,
        }
        self.description["trials"].append(trial)
        if write:
            self.ledger.write_sweep(self.description)
        return trial

    def rows(self, trial: dict[str, Any], values: dict[str, float | None], **overrides: Any) -> list[dict[str, Any]]:
        """Summary rows with one metric per task; all selection columns hold the same value unless overridden."""
        metric = {"metric": "accuracy", "unit": "%", "higher_is_better": True}
        return [
            dict.fromkeys(SUMMARY.names)
            | metric
            | {key: trial[key] for key in ("trial_id", "dataset", "strategy", "fraction", "seed")}
            | {"sweep": self.description["name"], "results_version": RESULTS_VERSION}
            | {"data_origin": ORIGIN, "data_fingerprint": "f00d", "model": "lenet", "state": "done", "steps": 2000}
            | {"task": task, "attempts": 1, "device": "cpu", "seconds": 1.0, "error": ""}
            | dict.fromkeys(PICKED, value)
            | {"joint_val_step": 100, "joint_test_step": 100}
            | overrides
            for task, value in values.items()
        ]

    def finish(
        self,
        trial: dict[str, Any],
        values: dict[str, float | None],
        *,
        steps: Iterable[int] = (),
        curve_rows: Iterable[dict[str, Any]] = (),
        **overrides: Any,
    ) -> None:
        """Commit a trial; `steps` or `curve_rows` are its curves, which are left out where there are none."""
        rows = pa.Table.from_pylist(self.rows(trial, values, **overrides), schema=SUMMARY)
        evaluations = [*curve_rows, *({"trial_id": trial["trial_id"], "step": step} for step in steps)]
        schema = curves_schema([(task, ["accuracy"]) for task in TASKS])
        curves = pa.Table.from_pylist(evaluations, schema=schema) if evaluations else None
        self.ledger.commit(trial["trial_id"], trial["dataset"], curves, rows)

    @staticmethod
    def curve_row(trial: dict[str, Any], i: int, seed: int, fraction: float, evaluation: int) -> dict[str, Any]:
        row = {key: trial[key] for key in ("trial_id", "strategy", "fraction", "seed")}
        row |= {"step": 100 * evaluation, "epoch": float(evaluation), "grad_norm/trunk": 1.0 + seed, "weight_sum": 0.0}
        for task in trial["tasks"]:
            row[f"test/{task}/accuracy"] = 90 + i + seed + 0.5 * evaluation - 2 * (fraction < 1) - (task == "right")
            row[f"weight/{task}"] = 2 ** (i * evaluation / 8)
            row["weight_sum"] += row[f"weight/{task}"]
        return row

    def cut_short(self, trial: dict[str, Any]) -> None:
        """Tear a finished trial's summary file in half."""
        path = Path(self.folder, "summary", f"{trial['trial_id']}.parquet")
        path.write_bytes(path.read_bytes()[:100])


def fill_with_curves(sweep: Sweep, strategies: dict[str, tuple[str, ...]], fractions, n_seeds: int) -> Sweep:
    """What `with_curves` describes, in merged files, which are quick to write and to read."""
    curves, summary = [], []
    for i, (strategy, tasks) in enumerate(strategies.items()):
        for fraction in fractions:
            for seed in range(n_seeds):
                trial = sweep.plan(strategy, tasks, fraction=fraction, seed=seed, write=False)
                rows = [sweep.curve_row(trial, i, seed, fraction, evaluation) for evaluation in range(1, 9)]
                curves += rows
                summary += sweep.rows(trial, {task: rows[-1][f"test/{task}/accuracy"] for task in tasks})
    schema = curves_schema([(task, ["accuracy"]) for task in TASKS])
    sweep.ledger.write_sweep(sweep.description)
    tables = pa.Table.from_pylist(curves, schema=schema), pa.Table.from_pylist(summary, schema=SUMMARY)
    sweep.ledger.commit("compact-all", DATASET, *tables)
    return sweep


VARIED = "scenes"


MEASURES = {("seg", "miou"): ("%", True), ("depth", "abs_err"): ("m", False), ("depth", "rel_err"): ("1", False)}


VARIED_LEVELS = {
    "stl:seg": (16.0, None, None),
    "stl:depth": (None, 0.66, 0.30),
    "equal": (16.6, 0.61, 0.27),
    "dwa": (16.2, 0.64, 0.29),
    "uncertainty": (16.4, 0.62, 0.28),
    "gls": (16.4, 0.62, 0.28),
}


def varied_sweep(results: Path) -> Sweep:
    """Two tasks, three metrics, six seeds with noise: five rows that finished, of which one lost a seed, one all diverged."""
    noise = np.random.default_rng(20)
    sweep = Sweep(results, "varied", question="Which strategy leads?", published=None, data_origin={VARIED: "made up"})
    rows = []
    for strategy, levels in VARIED_LEVELS.items():
        named = {key: level for key, level in zip(MEASURES, levels, strict=True) if level is not None}
        for seed in range(6):
            trial = sweep.plan(
                strategy, dict.fromkeys(task for task, _ in named), dataset=VARIED, seed=seed, write=False
            )
            for (task, metric), level in named.items():
                unit, up = MEASURES[task, metric]
                value = round(level * (1 + 0.01 * noise.normal() * (3 if strategy == "dwa" else 1)), 4)
                about = {"metric": metric, "unit": unit, "higher_is_better": up, "data_origin": "made up"}
                about |= {"seconds": 10.0 + seed, "train_samples_per_second": 900.0 + seed, "pack_size": 2}
                about |= {"backward_passes": "K" if strategy == "gls" else "1", "peak_memory_bytes": (200 + seed) << 20}
                about |= {"best_test": round(value * (1.01 if up else 0.99), 4)}
                if strategy == "uncertainty" or (strategy == "gls" and seed == 5):
                    about |= {"state": "diverged", "steps": 70, "error": "non-finite loss at step 70"}
                rows += sweep.rows(trial, {task: value}, **about)
    sweep.ledger.write_sweep(sweep.description)
    # One file, as `compact` leaves it.
    sweep.ledger.commit("compact-36-0", VARIED, None, pa.Table.from_pylist(rows, schema=SUMMARY))
    return sweep


def joint_sweep(results: Path) -> Sweep:
    """Curves with validation values, and the summaries that follow from them: `trades` swaps (82, 92) and (92, 82) at each
    evaluation, `holds` comes to (89, 89), single-task to 88. Guessing the most frequent label is right in 25 % and 20 %.
    """
    noise = np.random.default_rng(5)
    trivial = {"left": 25.0, "right": 20.0}
    levels = {"stl:left": ("left",), "stl:right": ("right",), "holds": TASKS, "trades": TASKS, "equal": TASKS}
    sweep = Sweep(results, "joint", question="Which network is it?", published=None)
    curves, summary = [], []
    for (strategy, tasks), fraction, seed in itertools.product(levels.items(), (1.0, 0.25), range(3)):
        trial = sweep.plan(strategy, tasks, fraction=fraction, seed=seed, write=False)
        rows = [_evaluation(trial, evaluation, trivial, noise) for evaluation in range(1, 9)]
        for task in tasks:
            picked = selections(rows, task, Accuracy()) | joint_selections(rows, task, Accuracy())
            about = {"trivial": trivial[task], "perfect": 100.0, "n_evaluations": len(rows)}
            summary += sweep.rows(trial, {task: None}, **picked, **about)
        curves += rows
    schema = curves_schema([(task, ["accuracy"]) for task in TASKS])
    sweep.ledger.write_sweep(sweep.description)
    tables = pa.Table.from_pylist(curves, schema=schema), pa.Table.from_pylist(summary, schema=SUMMARY)
    sweep.ledger.commit("compact-30-0", DATASET, *tables)
    return sweep


def _evaluation(trial: dict[str, Any], evaluation: int, trivial: dict[str, float], noise: np.random.Generator) -> dict:
    """One row of a curve of `joint_sweep`."""
    swapped = (82.0, 92.0) if evaluation % 2 else (92.0, 82.0)
    level = {"trades": swapped, "holds": (89.0, 89.0), "equal": (86.0, 86.0)}.get(trial["strategy"], (88.0, 88.0))
    row = {key: trial[key] for key in ("trial_id", "strategy", "fraction", "seed")} | {"step": 100 * evaluation}
    for task, of_task in zip(TASKS, level, strict=True):
        if task in trial["tasks"]:
            for split in ("val", "test"):
                # Coarse, so that scores are equal now and then and the earliest has to be taken.
                row[f"{split}/{task}/accuracy"] = round(of_task - abs(5 - evaluation) / 10 + noise.normal() / 5, 1)
    for split in ("val", "test"):
        skills = [(row[f"{split}/{t}/accuracy"] - trivial[t]) / (100 - trivial[t]) for t in trial["tasks"]]
        row[f"{split}/score"] = sum(skills) / len(skills)
    return row


def published_sweep(
    results: Path, name: str, dataset: str, shift: dict[tuple[str, str], float], called: dict[str, str] | None = None
) -> Sweep:
    """Three seeds a cell whose means are those of a published table, plus `shift` by (strategy, metric).

    `called` are strategies that have another name in the sweep.
    """
    sweep = Sweep(results, "simulated", question="As printed?", published=name, data_origin={dataset: "simulated"})
    rows = []
    lower = ("abs_error", "rel_error", "angle", "mean_abs", "median_abs", "mae")
    frame = published(name)
    alone = "stl:" + frame["task"]  # a paper's row of all tasks together is several strategies here
    frame["strategy"] = frame["strategy"].where(frame["strategy"] != SINGLE_TASK, alone).replace(called or {})
    for (strategy, fraction), cells in frame.groupby(["strategy", "fraction"], sort=False):
        for seed in range(3):
            tasks = list(cells["task"].unique())
            trial = sweep.plan(strategy, tasks, dataset=dataset, fraction=fraction, seed=seed, write=False)
            for cell in cells.to_dict("records"):
                value = cell["mean"] * (1 + 0.005 * (seed - 1)) + shift.get((cell["strategy"], cell["metric"]), 0.0)
                metric = {"metric": cell["metric"], "higher_is_better": not cell["metric"].startswith(lower)}
                unit = {"unit": "1" if cell["mean"] < 1 else "%", "data_origin": "simulated"}
                rows += sweep.rows(trial, {cell["task"]: value}, **metric, **unit)
    sweep.ledger.write_sweep(sweep.description)
    sweep.ledger.commit("compact-0-0", dataset, None, pa.Table.from_pylist(rows, schema=SUMMARY))
    return sweep
