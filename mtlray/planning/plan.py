"""What is left to run: a pure function of a sweep and of what its ledger holds."""

import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mtlray.errors import ResultsError
from mtlray.planning.estimates import Estimates
from mtlray.results.ledger import TrialRecord
from mtlray.results.states import TrialState
from mtlray.specs import TrialSpec

# Bytes a trial leaves behind: a part for the summary and the log, and one for each evaluation.
_DISK_TRIAL, _DISK_EVALUATION = 25_000, 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The trials of a sweep by what is to happen to them."""

    to_run: tuple[TrialSpec, ...]
    """Longest first, so that no worker is left with a long trial at the end."""
    done: tuple[TrialSpec, ...]
    diverged: tuple[TrialSpec, ...]
    failed: tuple[TrialSpec, ...]
    """Given up; they run again after `mtlray retry`."""
    resumable: int
    """How many of `to_run` were started before."""
    damaged: tuple[str, ...]
    """Shards that do not open; their trials run again."""
    others: int
    """Finished trials in the folder that the sweep does not contain."""
    device_seconds: float
    measured: bool
    """Whether `device_seconds` comes from finished trials of this sweep or is a guess."""
    disk_bytes: int


def plan(
    trials: Sequence[TrialSpec],
    records: Mapping[str, TrialRecord],
    *,
    started: Collection[str] = (),
    damaged: Iterable[str] = (),
    grid: Collection[TrialSpec] = (),
) -> Plan:
    """Grid minus finished minus given up. Where the trials are a part of the sweep, `grid` holds all of it."""
    finished: dict[TrialState, list[TrialSpec]] = {state: [] for state in TrialState if state.is_finished}
    left: list[TrialSpec] = []
    for trial in trials:
        record = records.get(trial.trial_id)
        (finished[record.state] if record else left).append(trial)
    estimates = Estimates()
    # How many times as long as guessed the finished trials took: the machine, its load, and what the guess leaves out.
    took = [records[trial.trial_id].seconds / estimates.seconds(trial) for trial in finished[TrialState.DONE]]
    measured = [ratio for ratio in took if ratio > 0]
    to_run = sorted(left, key=lambda t: -t.steps * t.batch_size)
    ids = {trial.trial_id for trial in grid or trials}
    return Plan(
        to_run=tuple(to_run),
        done=tuple(finished[TrialState.DONE]),
        diverged=tuple(finished[TrialState.DIVERGED]),
        failed=tuple(finished[TrialState.FAILED]),
        resumable=sum(trial.trial_id in started for trial in to_run),
        damaged=tuple(damaged),
        others=sum(trial_id not in ids for trial_id in records),
        device_seconds=(statistics.median(measured) if measured else 1.0) * sum(map(estimates.seconds, to_run)),
        measured=bool(measured),
        disk_bytes=sum(_DISK_TRIAL + _DISK_EVALUATION * t.n_evaluations for t in to_run),
    )


def packs(trials: Sequence[TrialSpec], size: int | Callable[[TrialSpec], int]) -> list[tuple[TrialSpec, ...]]:
    """Trials grouped into packs of at most `size`; only trials that differ in nothing but the seed share one.

    Packing changes a trial's numbers only by rounding error. Trials of a stochastic model, and those whose learning rate or end
    goes by their own validation score, run one by one.
    """
    groups: dict[str, list[TrialSpec]] = {}
    for trial in trials:
        groups.setdefault(trial.canonical_but_seed, []).append(trial)
    cut = []
    for group in groups.values():
        most = 1 if trains_alone(group[0]) else size if isinstance(size, int) else size(group[0])
        cut += [tuple(group[i : i + most]) for i in range(0, len(group), most)]
    return sorted(cut, key=lambda pack: -pack[0].steps * pack[0].batch_size)


def trains_alone(trial: TrialSpec) -> bool:
    """Whether a trial shares no pack with its other seeds, whatever the size of packs."""
    return trial.model.stochastic or trial.goes_by_score


def refuse_other_data(records: Mapping[str, TrialRecord], fingerprints: Mapping[str, str]) -> None:
    """Raise ResultsError where finished trials were made with other data than the one that lies here.

    `fingerprints` maps data sets' labels to the prepared data.
    """
    for record in records.values():
        here = fingerprints.get(record.dataset)
        if here is not None and record.data_fingerprint not in ("", here):
            raise ResultsError(
                f"Finished trials of {record.dataset} were made with data of fingerprint {record.data_fingerprint}. "
                f"The data prepared here has {here}, and the two must not be mixed. "
                "Check the data with `mtlray data verify`, or use another --results folder."
            )
