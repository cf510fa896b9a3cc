"""Cost: what a strategy's trials take, in time, memory and backward passes, beside what they give."""

import math
from typing import Any

import numpy as np
import pandas as pd

from analysis.cells import SINGLE_TASK, Grid
from analysis.comparison import EQUAL
from analysis.leaderboard import gains
from analysis.load import Results
from analysis.scores import Scores

_READ = ("trial_id", "seconds", "pack_size", "train_samples_per_second", "steps")
_OPTIONAL = ("backward_passes", "peak_memory_bytes", "solver_fallbacks")


def cost(results: Results, grid: Grid, scores: Scores) -> pd.DataFrame:
    """One row per strategy, means over its trials that are done, at all data fractions.

    `seconds` is a trial's share of its pack's time, `seconds_std` (ddof 1) its spread over trials; `samples_per_second`
    is of the whole pack, as measured; `peak_memory_bytes` the most that any pack took of a GPU's memory, NaN on a CPU.
    `backward_passes` is per step, K standing for the number of tasks. The row `single-task` adds up the trials that are
    needed for all tasks. `relative` is seconds beside equal's; Δm is over all fractions, as in the leaderboard.
    """
    expected = results.expected[results.expected["dataset"] == grid.dataset]
    strategy_of = dict(zip(expected["trial_id"], expected["strategy"], strict=True))
    done = results.summary["trial_id"].isin(strategy_of) & (results.summary["state"] == "done")
    read = [name for name in (*_READ, *_OPTIONAL) if name in results.summary]  # specs and versions are long
    trials = results.summary.loc[done, read].drop_duplicates("trial_id")
    trials["strategy"] = [strategy_of[trial] for trial in trials["trial_id"]]
    trials["seconds"] = trials["seconds"].astype("float64") / trials["pack_size"].fillna(1).clip(lower=1)
    for name in _OPTIONAL:
        if name not in trials:
            trials[name] = None
    joined = set(scores.baselines.values()) | set(scores.dropped)
    made: dict[str, dict[str, Any]] = {}
    for strategy in grid.strategies:
        planned = int((expected["strategy"] == strategy).sum())
        made[strategy] = _row(strategy, planned, trials[trials["strategy"] == strategy])
    if len(set(scores.baselines.values())) > 1:
        made[SINGLE_TASK] = _sum([made[s] for s in grid.strategies if s in set(scores.baselines.values())])
    gained = _gains(scores)
    reference = made.get(EQUAL, {}).get("seconds", math.nan)
    order = [SINGLE_TASK, *grid.strategies] if SINGLE_TASK in made else list(grid.strategies)
    frame = pd.DataFrame(
        [
            made[s] | {"relative": made[s]["seconds"] / reference if reference else math.nan} | gained.get(s, _NO_GAIN)
            for s in order
        ]
    )
    frame.insert(0, "dataset", grid.dataset)
    frame.insert(1, "data_origin", grid.data_origin)
    frame["part_of_single_task"] = frame["strategy"].isin(joined)
    return frame


_NO_GAIN = {f"delta_m_task{end}": math.nan for end in ("", "_low", "_high")}


def _row(strategy: str, planned: int, trials: pd.DataFrame) -> dict[str, Any]:
    seconds = trials["seconds"].to_numpy(dtype=np.float64)
    memory = pd.to_numeric(trials["peak_memory_bytes"]).dropna()
    passes = [str(p) for p in trials["backward_passes"].dropna().unique()]
    fallbacks = pd.to_numeric(trials["solver_fallbacks"]).fillna(0)
    return {
        "strategy": strategy,
        "trials": len(trials),
        "expected": planned,
        "backward_passes": " or ".join(passes),
        "seconds": float(seconds.mean()) if len(seconds) else math.nan,
        "seconds_std": float(seconds.std(ddof=1)) if len(seconds) > 1 else math.nan,
        "samples_per_second": float(trials["train_samples_per_second"].mean()) if len(trials) else math.nan,
        "peak_memory_bytes": float(memory.max()) if len(memory) else math.nan,
        "pack_size": float(trials["pack_size"].mean()) if len(trials) else math.nan,
        "steps": float(trials["steps"].mean()) if len(trials) else math.nan,
        "solver_fallbacks": int(fallbacks.sum()),
        "trials_with_fallbacks": int((fallbacks > 0).sum()),
    }


def _sum(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The cost of training every task alone, each once."""
    nothing = {"backward_passes": "", "seconds_std": math.nan, "samples_per_second": math.nan}
    return (
        rows[0]
        | nothing
        | {
            "strategy": SINGLE_TASK,
            "trials": sum(row["trials"] for row in rows),
            "expected": sum(row["expected"] for row in rows),
            "seconds": sum(row["seconds"] for row in rows),
            "steps": sum(row["steps"] for row in rows),
            "peak_memory_bytes": max(row["peak_memory_bytes"] for row in rows),
        }
    )


def _gains(scores: Scores) -> dict[str, dict[str, float]]:
    """Δm per task over all fractions, by strategy."""
    found = gains(scores, list(range(len(scores.columns))), ("task",))
    return {scores.strategies[i]: {key: gain[key] for key in _NO_GAIN} for i, gain in found.items()}


def devices(results: Results, grid: Grid) -> list[str]:
    """The devices that the finished trials of a data set ran on."""
    done = (results.summary["dataset"] == grid.dataset) & (results.summary["state"] == "done")
    return sorted({str(device) for device in results.summary.loc[done, "device"].dropna().unique() if device})
