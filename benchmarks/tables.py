"""Time and memory of the tables and the report of a large sweep: 10,000 made-up trials in a compacted store.

    python benchmarks/tables.py [--trials 10000] [--repeat 5] [--keep FOLDER]

Prints, for each kind of table, the processor's seconds and the peak resident memory of a process of its own that loads the
results and renders the table as text, the best of several; and for the report the same, once, with its wall-clock time. The
processor's time is that of the whole process, its start and imports among it; of them the second figure.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from mtlray.results.ledger import RESULTS_VERSION, SUMMARY, Ledger

FRACTIONS = (1.0, 0.5, 0.25, 0.1)
TASKS = {"left": ("accuracy", "%", True), "right": ("accuracy", "%", True)}
N_SEEDS = 10
N_DATASETS = 10
MEASURED = """
import json, sys, time
if sys.argv[2] == "report":
    from mtlray.analysis.report import render_report as render
    options = {}
else:
    from mtlray.analysis.tables import TableOptions, render_table as render
    options = {"options": TableOptions(kind=sys.argv[2])}
imports, began = time.process_time(), time.perf_counter()
rendered = render(sys.argv[1], **options)
wall = time.perf_counter() - began
with open("/proc/self/status") as status:  # getrusage would count what the parent held when it forked
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
print(json.dumps([time.process_time(), imports, wall, peak, len(rendered.splitlines())]))
"""


def make(folder: Path, n_trials: int) -> str:
    """A sweep of about `n_trials` finished trials whose rows are as long as real ones; returns its folder."""
    generator = np.random.default_rng(0)
    per_dataset = n_trials // N_DATASETS
    n_strategies = max(3, per_dataset // (len(FRACTIONS) * N_SEEDS))
    strategies = {"stl:left": ["left"], "stl:right": ["right"], "equal": list(TASKS)}
    strategies |= {f"strategy{i:02}(temperature={i})": list(TASKS) for i in range(n_strategies - 3)}
    trials, rows = [], []
    spec = json.dumps({"filler": "x" * 900})  # as long as a real spec
    versions = json.dumps({"filler": "x" * 200})
    for d in range(N_DATASETS):
        for s, (strategy, tasks) in enumerate(strategies.items()):
            for fraction in FRACTIONS:
                for seed in range(N_SEEDS):
                    trial = {
                        "trial_id": f"{len(trials):016x}",
                        "dataset": f"multi_mnist-left-right-{d}",
                        "strategy": strategy,
                        "fraction": fraction,
                        "seed": seed,
                        "tasks": tasks,
                    }
                    trials.append(trial)
                    for task in tasks:
                        metric, unit, up = TASKS[task]
                        value = 95 + fraction + 0.05 * s + generator.normal(0, 0.3)
                        rows.append(
                            {key: trial[key] for key in ("trial_id", "dataset", "strategy", "fraction", "seed")}
                            | {"task": task, "metric": metric, "unit": unit, "higher_is_better": up}
                            | dict.fromkeys(
                                ("last", "mean_last_10", "at_best_val", "best_val", "at_joint_val", "at_joint_test"),
                                value,
                            )
                            | {"joint_val_step": 1900, "joint_test_step": 1900, "joint_val_score": 0.9, "trivial": 10.0}
                            | {"best_test": value + 0.1, "sweep": "large", "results_version": RESULTS_VERSION}
                            | {"data_origin": "made up", "data_fingerprint": "f00d", "model": "lenet-A"}
                            | {"strategy_params": "{}", "state": "done", "steps": 2000, "n_evaluations": 100}
                            | {"train_samples_per_second": 9000.0, "seconds": 28.0, "pack_size": 1, "attempts": 1}
                            | {"commit": "c" * 40, "dirty": False, "versions": versions, "device": "cpu"}
                            | {"error": "", "spec": spec + trial["trial_id"]}
                        )
    ledger = Ledger(str(folder), "large")
    ledger.write_sweep(
        {"name": "large", "question": "How fast are the tables?", "selection": "best_val", "published": None}
        | {"data_origin": {}, "trials": trials, "results_version": RESULTS_VERSION}
    )
    table = pa.Table.from_pylist(rows, schema=SUMMARY)
    ledger.commit(f"compact-{len(trials)}-0", "", None, table)
    return f"{folder}/large"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--keep", help="make the results in this folder and leave them there")
    options = parser.parse_args()
    from mtlray.analysis.tables import KINDS

    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        results = make(Path(options.keep or scratch), options.trials)
        print(f"{options.trials:,} trials made in {time.perf_counter() - began:.1f} s", flush=True)
        for kind in (*KINDS, "report"):
            command = [sys.executable, "-c", MEASURED, results, kind]
            times = options.repeat if kind in KINDS else 1
            runs = [
                json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) for _ in range(times)
            ]
            cpu, imports, wall, peak, lines = min(runs)
            print(
                f"{kind:12} {cpu:6.2f} s of the processor ({imports:.2f} s to import)  {wall:6.2f} s by the clock after "
                f"that  {peak:5.0f} MiB  {lines:6,} lines",
                flush=True,
            )


if __name__ == "__main__":
    main()
