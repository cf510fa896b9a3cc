"""Cost: what a strategy's trials take, in time, memory and backward passes, beside what they achieve."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import Grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.kinds.comparison import EQUAL
from mtlray.analysis.kinds.leaderboard import gains
from mtlray.results.states import TrialState

_NUMBERS = ("seconds", "pack_size", "train_samples_per_second", "steps", "peak_memory_bytes", "solver_fallbacks")


def cost(results: Results, grid: Grid, scores: Scores) -> list[dict[str, Any]]:
    """One row per strategy, means over its trials that are done, at all data fractions.

    `seconds` is a trial's share of its pack's time, `seconds_std` (ddof 1) its spread over trials; `samples_per_second`
    is of the whole pack, as measured; `peak_memory_bytes` the most that any pack took of a GPU's memory, NaN on a CPU.
    `backward_passes` is per step, K standing for the number of tasks. The row `single-task` adds up the trials that are
    needed for all tasks. `relative` is seconds beside equal's; Δm is over all fractions, as in the leaderboard.
    """
    expected = results.expected[results.expected["dataset"] == grid.dataset]
    strategy_of = dict(zip(expected["trial_id"].tolist(), expected["strategy"].tolist(), strict=True))
    planned = Counter(strategy_of.values())
    joined = set(scores.baselines.values()) | set(scores.dropped)
    done = (results.summary["dataset"] == grid.dataset) & (results.summary["state"] == TrialState.DONE)
    trials = results.summary.loc[done, ["trial_id", "backward_passes", *_NUMBERS]].drop_duplicates("trial_id")
    passes = trials["backward_passes"].tolist()
    # Arrays, because a strategy's part of a frame takes many times longer to cut out.
    numbers = {name: trials[name].to_numpy(dtype=np.float64) for name in _NUMBERS}
    numbers["seconds"] = numbers["seconds"] / np.fmax(numbers["pack_size"], 1)
    at: dict[str, list[int]] = {strategy: [] for strategy in grid.strategies}
    for i, trial in enumerate(trials["trial_id"].tolist()):
        if trial in strategy_of:
            at[strategy_of[trial]].append(i)
    made: dict[str, dict[str, Any]] = {}
    for strategy, own in at.items():
        named = dict.fromkeys(str(passes[i]) for i in own if not pd.isna(passes[i]))
        cut = {name: column[own] for name, column in numbers.items()}
        made[strategy] = _row(strategy, planned[strategy], list(named), cut)
    for name in dict.fromkeys(name for name, _ in scores.baselines):
        parts = {strategy for (row, _), strategy in scores.baselines.items() if row == name}
        if len(parts) > 1:
            made[name] = _sum(name, [made[s] for s in grid.strategies if s in parts])
    gained = _gains(scores)
    reference = made.get(EQUAL, {}).get("seconds", math.nan)
    order = [*(name for name in made if name not in at), *grid.strategies]
    return [
        {"dataset": grid.dataset, "data_origin": grid.data_origin}
        | made[strategy]
        | {"relative": made[strategy]["seconds"] / reference if reference else math.nan}
        | gained.get(strategy, _NO_GAIN)
        | {"part_of_single_task": strategy in joined}
        for strategy in order
    ]


_NO_GAIN = {f"delta_m_task{end}": math.nan for end in ("", "_low", "_high")}


def _row(strategy: str, planned: int, passes: Sequence[str], trials: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    seconds, memory = trials["seconds"], trials["peak_memory_bytes"]
    fallbacks = np.nan_to_num(trials["solver_fallbacks"])
    return {
        "strategy": strategy,
        "trials": len(seconds),
        "expected": planned,
        "backward_passes": " or ".join(passes),
        "seconds": float(seconds.mean()) if len(seconds) else math.nan,
        "seconds_std": float(seconds.std(ddof=1)) if len(seconds) > 1 else math.nan,
        "samples_per_second": _mean(trials["train_samples_per_second"]),
        "peak_memory_bytes": math.nan if np.isnan(memory).all() else float(np.nanmax(memory)),
        "pack_size": _mean(trials["pack_size"]),
        "steps": _mean(trials["steps"]),
        "solver_fallbacks": int(fallbacks.sum()),
        "trials_with_fallbacks": int((fallbacks > 0).sum()),
    }


def _mean(values: NDArray[np.float64]) -> float:
    known = ~np.isnan(values)
    return float(np.where(known, values, 0).sum() / known.sum()) if known.any() else math.nan


def _sum(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The cost of training every task alone, each once."""
    nothing = {"backward_passes": "", "seconds_std": math.nan, "samples_per_second": math.nan}
    return (
        rows[0]
        | nothing
        | {
            "strategy": name,
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
    done = (results.summary["dataset"] == grid.dataset) & (results.summary["state"] == TrialState.DONE)
    return sorted({str(device) for device in results.summary.loc[done, "device"].dropna().unique() if device})
