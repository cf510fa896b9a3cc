"""Description: a sweep at one moment as JSON values, which the page shows."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mtlray.analysis.watch.trials import Trials
from mtlray.results.attempts import Attempt, history
from mtlray.results.states import TrialState
from mtlray.results.trial_folder import LiveCurve
from mtlray.words.masking import masked_within
from mtlray.words.values import per_cent, shortest

_STATES = (
    TrialState.DONE, TrialState.DIVERGED, TrialState.PRUNED, TrialState.FAILED, TrialState.DAMAGED, TrialState.RUNNING,
    TrialState.INTERRUPTED, TrialState.WAITING,
)  # fmt: skip
_TROUBLES = (TrialState.FAILED, TrialState.DIVERGED)
_MOST_TROUBLES = 200


def described(
    trials: Trials,
    live: Mapping[str, LiveCurve],
    attempts: Mapping[str, Sequence[Attempt]],
    damaged_curves: Sequence[str],
) -> dict[str, Any]:
    """How far a sweep is. `live` and `attempts` are those of running trials, by id. Credentials are masked."""
    counts = trials.counts
    content = {
        "name": str(trials.sweep.get("name") or "sweep"),
        "question": " ".join(str(trials.sweep.get("question") or "").split()),
        "at": time.strftime("%H:%M:%S"),
        "planned": len(trials.planned),
        "counts": _by_state(counts),
        "share": share(trials, live),
        "drivers": list(trials.drivers),
        "others": trials.others,
        "damaged": [*trials.damaged, *damaged_curves],
        "lines": _lines(trials),
        "running": [
            _running(trial, live.get(trial["trial_id"]), attempts.get(trial["trial_id"], ()))
            for trial in trials.running()
        ],
        "troubles": _troubles(trials)[:_MOST_TROUBLES],
        "n_troubles": sum(counts[state] for state in _TROUBLES),
        "datasets": list(dict.fromkeys(str(trial["dataset"]) for trial in trials.planned)),
    }
    masked_content: dict[str, Any] = masked_within(content)
    return masked_content


def share(trials: Trials, live: Mapping[str, LiveCurve]) -> float:
    """The share of the work that is done: a trial that ended counts whole, a running one as far as its last checkpoint."""
    if not trials.states:
        return 0.0
    ended = sum(state.is_finished for state in trials.states.values())
    partly = sum(curve.step / curve.steps for curve in live.values() if curve.steps)
    return (ended + partly) / len(trials.states)


def _by_state(counts: Counter[str]) -> dict[str, int]:
    return {str(state): counts[state] for state in _STATES}


def _label(trial: Mapping[str, Any]) -> dict[str, Any]:
    rate = trial.get("learning_rate")
    return {
        "trial_id": trial["trial_id"],
        "dataset": trial["dataset"],
        "strategy": trial["strategy"],
        "learning_rate": "" if rate is None else shortest(float(rate)),
        "axes": ", ".join(f"{name} {shortest(value)}" for name, value in (trial.get("axes") or {}).items()),
        "fraction": f"{per_cent(float(trial['fraction']))} %",
        "seed": trial["seed"],
    }


def _running(trial: Mapping[str, Any], curve: LiveCurve | None, attempts: Sequence[Attempt]) -> dict[str, Any]:
    return _label(trial) | {
        "step": None if curve is None else curve.step,
        "steps": None if curve is None else curve.steps,
        "host": attempts[-1].host if attempts else "",
        "attempt": len(attempts),
        "before": history(attempts[:-1]),
    }


def _lines(trials: Trials) -> list[dict[str, Any]]:
    """The trials of each strategy on each data set, counted by their state."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for trial in trials.planned:
        key = (str(trial["dataset"]), str(trial["strategy"]))
        counted.setdefault(key, Counter())[trials.states[trial["trial_id"]]] += 1
    return [
        {"dataset": dataset, "strategy": strategy, "planned": counts.total(), **_by_state(counts)}
        for (dataset, strategy), counts in counted.items()
    ]


def _troubles(trials: Trials) -> list[dict[str, Any]]:
    """The trials that failed, then those that diverged, with the whole reason."""
    found = []
    for wanted in _TROUBLES:
        for trial in trials.planned:
            if trials.states[trial["trial_id"]] is wanted:
                record = trials.records[trial["trial_id"]]
                about = {"state": str(wanted), "reason": record.get("error", ""), "step": record.get("steps", 0)}
                found.append(_label(trial) | about)
    return found
