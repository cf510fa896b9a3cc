"""Completeness: what became of each planned trial, and why the trials without a number have none."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mtlray.analysis.grid.load import Results
from mtlray.results.states import TrialState

STATES = (
    TrialState.DONE, TrialState.DIVERGED, TrialState.PRUNED, TrialState.FAILED, TrialState.DAMAGED, TrialState.RUNNING,
    TrialState.INTERRUPTED, TrialState.WAITING,
)  # fmt: skip
_RESULTS = (TrialState.DONE, TrialState.DIVERGED, TrialState.PRUNED)
MOST = 200  # troubles on the page; the download has all


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One strategy on one data set: done and planned trials for each fraction, and the trials by state."""

    dataset: str
    strategy: str
    fractions: dict[float, tuple[int, int]]
    states: Counter[str]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Completeness:
    """`troubles` has one row per trial that diverged, failed or lost a file, with the reason; `damaged` names those files."""

    planned: int
    states: Counter[str]
    fractions: tuple[float, ...]
    lines: tuple[Line, ...]
    troubles: pd.DataFrame
    damaged: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether each planned trial has a result: a failed one has none, nor has one whose curves are lost."""
        return sum(self.states[state] for state in _RESULTS) == self.planned

    def frame(self) -> pd.DataFrame:
        """One row per line: data set, strategy, and the number of trials in each state."""
        return pd.DataFrame(
            [
                {"dataset": line.dataset, "strategy": line.strategy}
                | {str(state): line.states[state] for state in STATES}
                for line in self.lines
            ]
        )


def completeness(results: Results) -> Completeness:
    """Read from the summary, the listings of curves, the folders of started trials, and what drivers say of themselves."""
    expected = results.expected
    rows = results.summary.drop_duplicates("trial_id")
    state_of: dict[str, str] = dict(zip(rows["trial_id"], rows["state"], strict=True))
    started, running = results.started(), results.running()
    broken, damaged = results.damage()

    def state(trial_id: str) -> str:
        if trial_id in broken:
            return TrialState.DAMAGED
        if trial_id in state_of:
            return state_of[trial_id]
        if trial_id in running:
            return TrialState.RUNNING
        return TrialState.INTERRUPTED if trial_id in started else TrialState.WAITING

    frame = expected.assign(state=[state(trial_id) for trial_id in expected["trial_id"]])
    lines = []
    for (dataset, strategy), part in frame.groupby(["dataset", "strategy"], sort=False):
        states: dict[float, list[str]] = {}
        for fraction, found in zip(part["fraction"].tolist(), part["state"].tolist(), strict=True):
            states.setdefault(fraction, []).append(found)
        cells = {fraction: (found.count(TrialState.DONE), len(found)) for fraction, found in states.items()}
        lines.append(
            Line(dataset=str(dataset), strategy=str(strategy), fractions=cells, states=Counter(part["state"].tolist()))
        )
    return Completeness(
        planned=len(frame),
        states=Counter(frame["state"].tolist()),
        fractions=tuple(sorted({float(fraction) for fraction in frame["fraction"]}, reverse=True)),
        lines=tuple(lines),
        troubles=_troubles(frame, rows),
        damaged=tuple(damaged),
    )


def _troubles(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    troubled = frame[frame["state"].isin([TrialState.DIVERGED, TrialState.FAILED, TrialState.DAMAGED])]
    known = rows.set_index("trial_id")
    errors: Any = known["error"].fillna("").to_dict()
    steps: Any = known["steps"].to_dict()
    columns = troubled[["dataset", "strategy", "fraction", "seed", "trial_id", "state"]]
    return columns.assign(
        step=[steps.get(trial) for trial in troubled["trial_id"]],
        reason=[
            errors.get(trial)
            or ("its summary or its curves are missing or do not open" if state == TrialState.DAMAGED else "")
            for trial, state in zip(troubled["trial_id"], troubled["state"], strict=True)
        ],
    ).reset_index(drop=True)
