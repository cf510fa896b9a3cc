"""Completeness: what became of each planned trial, and why the trials without a number have none."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mtlray.analysis.grid.load import Results
from mtlray.results.states import TrialState

STARTED = "started"  # running or interrupted: the folder alone does not say
STATES = (
    TrialState.DONE, TrialState.DIVERGED, TrialState.FAILED, TrialState.DAMAGED, STARTED, TrialState.WAITING,
)  # fmt: skip
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
    """`troubles` has one row per trial that diverged, failed or lost its file, with the reason."""

    planned: int
    states: Counter[str]
    fractions: tuple[float, ...]
    lines: tuple[Line, ...]
    troubles: pd.DataFrame

    @property
    def complete(self) -> bool:
        return sum(self.states[state] for state in TrialState if state.is_finished) == self.planned


def completeness(results: Results) -> Completeness:
    """Read from the summary, the names of damaged files and the folders of started trials."""
    expected = results.expected
    rows = results.summary.drop_duplicates("trial_id")
    state_of: dict[str, str] = dict(zip(rows["trial_id"], rows["state"], strict=True))
    damaged = results.damaged_trials()
    started = results.started()

    def state(trial_id: str) -> str:
        if trial_id in state_of:
            return state_of[trial_id]
        if trial_id in damaged:
            return TrialState.DAMAGED
        return STARTED if trial_id in started else TrialState.WAITING

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
            errors.get(trial) or ("the summary file does not open" if state == TrialState.DAMAGED else "")
            for trial, state in zip(troubled["trial_id"], troubled["state"], strict=True)
        ],
    ).reset_index(drop=True)
