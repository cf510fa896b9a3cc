"""Merging: the finished trials of one results folder, copied into another of the same sweep, such as those of two clusters.

Only sealed files are read. The folder that is merged from is not changed, and its logs and checkpoints stay where they are.
"""

import io
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from mtlray.errors import ResultsError
from mtlray.results.driver_lock import DriverLock
from mtlray.results.kept import WEIGHTS
from mtlray.results.ledger import Ledger, TrialRecord
from mtlray.results.removal import pictured
from mtlray.results.schema import CURVE_CIRCUMSTANCES, SEALED_SINCE, SUMMARY_CIRCUMSTANCES
from mtlray.results.shards import rows_of
from mtlray.results.states import TrialState
from mtlray.storage.seal import facts_of
from mtlray.storage.weights_file import facts_of_weights

_NAMED = 5  # trials in a message


@dataclass(slots=True)
class Merged:
    """What a merge did: the trials that were added, those that both had, and those of the source that have failed."""

    added: set[str] = field(default_factory=set)
    in_both: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    n_files: int = 0
    """Kept networks, representations and embeddings that were copied."""
    unlisted: int = 0
    """Of the added trials, those that the sweep as last launched in the target does not name."""


def merge(source: Ledger, target: Ledger) -> Merged:
    """Copy every trial that is done or diverged, with what is kept of it; those that the target has finished stay as they are.

    Raises ResultsError, with nothing changed, where the two are different sweeps or made with different data, where files do not
    open, and where a trial that both have finished differs in a number; and LaunchError while a driver works on the target.
    """
    with DriverLock(target.store) as lock:
        _refuse_other_sweeps(source, target)
        theirs, ours = _records(source), _records(target)
        _refuse_other_data(source, theirs, ours)
        finished = {i for i, record in theirs.items() if record.state is not TrialState.FAILED}
        had = {i for i, record in ours.items() if record.state is not TrialState.FAILED}
        found = Merged(added=finished - had, in_both=finished & had, failed=theirs.keys() - finished)
        _refuse_differences(source, target, found.in_both)
        files = _side_files(source, target, finished)
        for path, data in files.items():  # before the summary, as a trial that ends writes them
            target.store.write(path, data())
        found.n_files = len(files)
        _write(source, target, {i: theirs[i] for i in found.added})
        listed = {trial["trial_id"] for trial in (target.read_sweep() or {}).get("trials", [])}
        found.unlisted = len(found.added - listed)
        lock.check()
    return found


def _refuse_other_sweeps(source: Ledger, target: Ledger) -> None:
    names = [(ledger.read_sweep() or {}).get("name") for ledger in (source, target)]
    if names[0] != names[1]:
        raise ResultsError(
            f"Results should be merged into those of the same sweep. Found sweep {names[0]} in {source.store.where('')} and "
            f"sweep {names[1]} in {target.store.where('')}."
        )


def _records(ledger: Ledger) -> dict[str, TrialRecord]:
    records, damaged = ledger.records()
    where = ledger.store.where("")
    if damaged:
        raise ResultsError(
            f"All files in {where} should open before they are merged. Found damaged: {', '.join(damaged)}. "
            "Run the sweep there once more to train their trials anew, then merge."
        )
    unsealed = [i for i, record in records.items() if record.results_version < SEALED_SINCE]
    if unsealed:
        raise ResultsError(
            f"Only files with a checksum are merged. Found trials of the first release in {where}, which have none: "
            f"{_listed(unsealed)}. Remove them with `mtlray prune`, or copy the folder as it is."
        )
    return records


def _refuse_other_data(source: Ledger, theirs: Mapping[str, TrialRecord], ours: Mapping[str, TrialRecord]) -> None:
    made_with: dict[str, str] = {record.dataset: record.data_fingerprint for record in ours.values()}
    for record in theirs.values():
        here = made_with.get(record.dataset, "")
        if "" not in (here, record.data_fingerprint) and here != record.data_fingerprint:
            raise ResultsError(
                f"Trials on {record.dataset} should be made with the same data to be merged. Found fingerprint "
                f"{record.data_fingerprint} in {source.store.where('')}, and {here} in the other folder. Check the data of both "
                "machines with `mtlray data verify`."
            )


def _refuse_differences(source: Ledger, target: Ledger, ids: Collection[str]) -> None:
    """Raise ResultsError where a number of a trial that both have finished differs."""
    if not ids:
        return
    theirs, ours = (_numbers(ledger, ids) for ledger in (source, target))
    other = sorted(i for i in ids if theirs[i] != ours[i])
    if other:
        raise ResultsError(
            f"A trial that both folders hold should have the same numbers in both. Found {len(other)} that differ: "
            f"{_listed(other)}. They were trained with other hardware, versions or --pack-size, or a file was changed; "
            "decide which to believe, and remove the others."
        )


def _numbers(ledger: Ledger, ids: Collection[str]) -> dict[str, list[str]]:
    """The rows of each trial, as texts, without the columns that depend on when and where it ran."""
    found: dict[str, list[str]] = {i: [] for i in ids}
    tables: list[tuple[pa.Table, tuple[str, ...]]] = [(ledger.summary()[0], SUMMARY_CIRCUMSTANCES)]
    tables += [(curves, CURVE_CIRCUMSTANCES) for d in ledger.datasets() if (curves := ledger.curves(d)) is not None]
    for table, circumstances in tables:
        left_out = [name for name in circumstances if name in table.column_names]
        for row in rows_of(table, set(ids)).drop_columns(left_out).to_pylist():
            known = {name: value for name, value in row.items() if value is not None}
            found[row["trial_id"]].append(json.dumps(known, sort_keys=True))
    return {i: sorted(rows) for i, rows in found.items()}


def _side_files(source: Ledger, target: Ledger, ids: Collection[str]) -> dict[str, Callable[[], bytes]]:
    """The files of kept networks and for figures that the target lacks, and how each is read.

    Raises ResultsError for a damaged one.
    """
    there = {path for _, path in pictured(target)}
    files: dict[str, Callable[[], bytes]] = {}
    for trial_id, path in pictured(source):
        if trial_id in ids and path not in there:
            _sealed(source, path)
            files[path] = lambda path=path: _sealed(source, path)  # type: ignore[misc]  # a network may be large: one at a time
    return files


def _sealed(ledger: Ledger, path: str) -> bytes:
    """A file, every byte of which is as it was written; of an embedding, which has no checksum, one that opens.

    Raises ResultsError.
    """
    data = ledger.store.read(path)
    try:
        if path.startswith("embeddings/"):
            whole = pq.read_table(io.BytesIO(data)).num_rows > 0
        else:
            whole = bool(facts_of_weights(data) if path.endswith(WEIGHTS) else facts_of(data))
    except (pa.ArrowException, OSError, ValueError, KeyError):
        whole = False
    if not whole:
        raise ResultsError(
            f"{ledger.store.where(path)} should be as it was written, with its checksum. Found other bytes. Remove that file, "
            "then merge again."
        )
    return data


def _write(source: Ledger, target: Ledger, records: Mapping[str, TrialRecord]) -> None:
    """Copy rows: of each trial its curves, then its summary, which makes it finished."""
    summaries = _by_trial(source.summary()[0], records)
    for dataset in sorted({record.dataset for record in records.values()}):
        of_it = {i for i, record in records.items() if record.dataset == dataset}
        curves = source.curves(dataset)
        by_trial = {} if curves is None else _by_trial(curves, of_it)
        for trial_id in sorted(of_it):
            target.commit(trial_id, dataset, by_trial.get(trial_id), summaries[trial_id])


def _by_trial(table: pa.Table, ids: Collection[str]) -> dict[str, pa.Table]:
    places: dict[str, list[int]] = {}
    for at, trial_id in enumerate(table.column("trial_id").to_pylist()):
        if trial_id in ids:
            places.setdefault(trial_id, []).append(at)
    return {trial_id: table.take(at) for trial_id, at in places.items()}


def _listed(ids: Collection[str]) -> str:
    shown = sorted(ids)[:_NAMED]
    return ", ".join(shown) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")


def as_text(found: Merged, source: Ledger, target: Ledger) -> str:
    """What was merged, in words."""
    trials = "finished trial" if len(found.added) == 1 else "finished trials"
    lines = [f"{len(found.added):,} {trials} of {source.store.where('')} added to {target.store.where('')}."]
    if found.in_both:
        lines.append(f"{len(found.in_both):,} were in both, with the same numbers.")
    if found.n_files:
        lines.append(f"{found.n_files:,} files of kept networks and for figures copied.")
    if found.failed:
        lines.append(f"{len(found.failed):,} failed trials left out.")
    if found.unlisted:
        lines.append(
            f"{found.unlisted:,} of these are not in the sweep as last launched there: give `mtlray table` the sweep file to see "
            "them, or run the sweep there, which trains what neither folder has."
        )
    return "\n".join(lines)
