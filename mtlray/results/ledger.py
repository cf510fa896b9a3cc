"""The ledger: writes and reads a sweep's results folder.

RESULTS/<sweep>/sweep.json                       the sweep as last launched
RESULTS/<sweep>/trials/<trial_id>/               two checkpoints and the curve while it runs, its attempts, their logs
RESULTS/<sweep>/curves/<dataset>/<trial_id>.parquet   one row for each evaluation
RESULTS/<sweep>/summary/<trial_id>.parquet       one row for each task and metric; its presence is the commit
RESULTS/<sweep>/representations/<dataset>/<trial_id>-<step>.parquet   one row for each test example, where `embed_at` asks for it
RESULTS/<sweep>/kept/<dataset>/<trial_id>.safetensors, .parquet   the network and its test predictions, where `--keep` asks for it
RESULTS/<sweep>/quarantine/                      files that did not open, out of the way
"""

import dataclasses
import functools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mtlray.errors import ResultsError, StoreError
from mtlray.results.fence import Fence
from mtlray.results.first_release import is_of_the_first
from mtlray.results.listed import refuse_foreign_names
from mtlray.results.schema import (
    CURVE_CIRCUMSTANCES,
    RESULTS_VERSION,
    SEALED_SINCE,
    SUMMARY,
    SUMMARY_CIRCUMSTANCES,
    conformed,
    curves_schema,
)
from mtlray.results.shards import MERGED, Known, Shards
from mtlray.results.states import Ending, TrialState
from mtlray.results.trial_folder import TrialFolder
from mtlray.storage.failpoints import failpoint
from mtlray.storage.seal import BrokenSealError, check_seal, sealed_json
from mtlray.storage.store import Store

__all__ = ["CURVE_CIRCUMSTANCES", "RESULTS_VERSION", "SUMMARY", "SUMMARY_CIRCUMSTANCES"]
__all__ += ["Ledger", "TrialRecord", "curves_schema"]

_FORMAT = 2  # of sweep.json; the first had no checksum


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """What the ledger knows of one finished trial; sealed into its summary file, so that no Parquet is parsed for it."""

    trial_id: str
    state: TrialState
    dataset: str
    data_fingerprint: str
    model: str
    device: str
    steps: int
    seconds: float
    attempts: int
    error: str
    n_evaluations: int = 0
    results_version: int = RESULTS_VERSION


class Ledger:
    """One sweep's results folder. Reading never changes it; StoreError says that it cannot be read. A write is one whole file.

    A trial is finished when its summary shard opens and holds its rows, and its curves, written before it, are there and open.
    """

    def __init__(self, results: str, sweep: str, *, fence: Fence | None = None) -> None:
        """With the `fence` of a driver's lock, whatever writes raises LostLockError once that is lost."""
        self.results = results
        self.sweep = sweep
        self.store = Store(f"{str(results).rstrip('/')}/{sweep}")
        if fence is not None:
            fence.protect(self.store)
        self._summaries = Shards(self.store, "summary", _facts_of_summary, is_of_the_first)
        self._known_curves: dict[str, Known] = {}

    # -- the sweep as a whole

    def write_sweep(self, description: Mapping[str, Any]) -> None:
        """Store the resolved sweep. Raises OSError."""
        self.store.write("sweep.json", sealed_json({"format": _FORMAT, **description}))
        failpoint("sweep-written")

    def read_sweep(self) -> dict[str, Any] | None:
        """The resolved sweep as last launched; None if nothing has been launched yet. Raises ResultsError."""
        try:
            data = self.store.read("sweep.json")
        except FileNotFoundError:
            return None
        try:
            seal = check_seal(data)
            description: dict[str, Any] = json.loads(data)
            if seal is None and description.get("format", 1) != 1:
                raise BrokenSealError("Its checksum is missing.")
        except (ValueError, AttributeError) as error:
            raise ResultsError(
                f"{self.store.where('sweep.json')} should hold a sweep as `mtlray run` wrote it. Found something else: {error} "
                "Remove that file and run the sweep again; finished trials are kept."
            ) from error
        for key in ("crc32", "format"):
            description.pop(key, None)
        refuse_foreign_names(description, self.store.where("sweep.json"))
        return description

    # -- finished trials

    def commit(self, trial_id: str, dataset: str, curves: pa.Table | None, summary: pa.Table) -> None:
        """Write a trial's curves, then its summary, which makes it finished. Raises OSError."""
        failpoint("commit-begun")
        if curves is not None:
            self._curves(dataset).write(f"{trial_id}.parquet", curves)
        failpoint("commit-curves")
        self._summaries.write(f"{trial_id}.parquet", summary)
        failpoint("commit-summary")

    def summary(self, columns: Sequence[str] | None = None) -> tuple[pa.Table, list[str]]:
        """All summary rows, each trial once, and the names of shards that do not open. Only `columns`, if they are named."""
        wanted = SUMMARY.names if columns is None else list(dict.fromkeys(columns))
        read = None if columns is None else {*wanted, "trial_id"}
        found = self._summaries.merge(read)
        schema = SUMMARY if read is None else pa.schema([column for column in SUMMARY if column.name in read])
        table = pa.concat_tables([conformed(t, schema) for t in found.tables]) if found.tables else schema.empty_table()
        return table.select(wanted), found.damaged

    def records(self, *, every_byte: bool = True) -> tuple[dict[str, TrialRecord], list[str]]:
        """Finished trials by id, less those that lost their curves, and the files that do not open or are missing.

        Without `every_byte`, curves are only looked for and not read.
        """
        records, damaged = self._recorded()
        lost, torn = self._without_curves(records, every_byte)
        return {i: record for i, record in records.items() if i not in lost}, damaged + torn

    def ending(self, trial_id: str) -> Ending | None:
        """State and error text of one trial from its own shard; None where it has none that opens."""
        records = (self._summaries.facts(f"{trial_id}.parquet") or {}).get("records", [])
        return Ending(TrialState(records[0]["state"]), records[0]["error"]) if records else None

    def curves(self, dataset: str) -> pa.Table | None:
        """All curves of one data set, each trial once; None where there are none. Damaged shards are skipped."""
        tables = self._curves(dataset).merge().tables
        return pa.concat_tables(tables, promote_options="default") if tables else None

    def datasets(self) -> list[str]:
        """The data sets that have curves."""
        return self.store.names("curves")

    def shards(self) -> list[Shards]:
        """The folders of finished trials' files: the summary, whose rows make them finished, and then the curves."""
        return [self._summaries, *map(self._curves, self.datasets())]

    def forget(self, trial_ids: Iterable[str]) -> None:
        """Remove trials from the summary, so that they may run again with all their retries; curves and logs stay until then.

        Merged rows go before the trial's own shard, so that a merged result of an earlier run never comes back.
        """
        ids = set(trial_ids)
        if not ids:
            return
        self._summaries.without(ids)
        failpoint("forget-rewritten")
        for trial_id in sorted(ids):
            self.folder(trial_id).forgive()
            self._summaries.delete(f"{trial_id}.parquet")

    def quarantine(self, trial_ids: Collection[str] | None = None) -> list[str]:
        """Move files that do not open out of the way, and forget the trials whose results are not whole; returns the files.

        With `trial_ids` only these trials' own files: other drivers may be at work on the others. Merged files then stay.
        """
        records, damaged = self._recorded()
        lost, torn = self._without_curves(records, every_byte=True)
        moved = [name for name in damaged + torn if self.store.exists(name)]
        if trial_ids is not None:
            lost &= set(trial_ids)
            moved = [name for name in moved if name.rpartition("/")[2].removesuffix(".parquet") in trial_ids]
        for name in moved:
            self.store.write(f"quarantine/{name.replace('/', '_')}", self.store.read(name))
            failpoint("quarantine-copied")
            self.store.delete(name)
        self.forget(lost)
        return moved

    def compact(self) -> int:
        """Merge the shards of finished trials, in each folder into files of many; returns how many trials are in such files.

        Failed trials stay apart, so that `forget` can take them out. Killed between two steps, it leaves rows twice on disk,
        which readers take once. Raises ResultsError, and changes nothing, where files do not open.
        """
        records, damaged = self.records()
        if damaged:
            raise ResultsError(
                f"All files in {self.store.where('')} should open before they are merged. Found damaged: {', '.join(damaged)}. "
                "Run the sweep again to train their trials anew, then merge."
            )
        ids = {trial_id for trial_id, record in records.items() if record.state is not TrialState.FAILED}
        if not ids:
            return 0
        for dataset in self.datasets():
            self._curves(dataset).replace(ids)
        self._summaries.replace(ids)
        for trial_id in sorted(ids & self.started()):
            self.folder(trial_id).tidy()  # left by a kill between the commit and this step
        return len(ids)

    # -- unfinished trials

    def folder(self, trial_id: str) -> TrialFolder:
        """The trial's attempts, logs and checkpoints."""
        return TrialFolder(self.store, trial_id)

    def probe(self) -> None:
        """Raise ResultsError where results cannot be written; leaves nothing behind."""
        try:
            self.store.write("trials/.probe", b"")
            self.store.delete("trials/.probe")
        except StoreError:
            raise
        except OSError as error:
            raise ResultsError(
                f"Results should be written to {self.store.where('')}. Found: {error}. "
                "Make that folder writable, or choose another place with --results."
            ) from error

    def started(self) -> set[str]:
        """The ids of all trials that were ever started."""
        return set(self.store.names("trials"))

    # -- plumbing

    def _curves(self, dataset: str) -> Shards:
        made_by = functools.cache(lambda: {i: record.results_version for i, record in self._recorded()[0].items()})

        def are_of_the_first(curves: pa.Table) -> bool:
            """Whether all of these trials were made by the first release, which sealed nothing."""
            return all(made_by().get(i, 0) < SEALED_SINCE for i in _trials_of(curves))

        known = self._known_curves.setdefault(dataset, {})
        return Shards(self.store, f"curves/{dataset}", _facts_of_curves, are_of_the_first, known)

    def _recorded(self) -> tuple[dict[str, TrialRecord], list[str]]:
        """The trials that have a summary, with or without curves, and the summary files that do not open."""
        found = self._summaries.look(self._summaries.names())
        fields = [field.name for field in dataclasses.fields(TrialRecord)]
        records: dict[str, TrialRecord] = {}
        for facts in found.facts.values():
            for entry in facts["records"]:
                if entry["trial_id"] not in records:  # its own shard comes before a merged one
                    known = {name: entry[name] for name in fields if name in entry}
                    records[entry["trial_id"]] = TrialRecord(**known | {"state": TrialState(entry["state"])})
        return records, found.damaged

    def _look(self, dataset: str, *, every_byte: bool) -> tuple[set[str], list[str]]:
        """The trials that have curves on a data set, and the files that do not open."""
        shards = self._curves(dataset)
        sizes = shards.sizes()
        read = [name for name in sizes if every_byte or name.startswith(MERGED)]
        found = shards.look(read) if every_byte else shards.glance(read)
        torn = [name for name in sizes.keys() - set(read) if not shards.ends(name)]
        held = {name.removesuffix(".parquet") for name in sizes.keys() - {*read, *torn}}
        held = held.union(*(facts["trials"] for facts in found.facts.values()))
        return held, found.damaged + sorted(f"{shards.folder}/{name}" for name in torn)

    def _without_curves(self, records: Mapping[str, TrialRecord], every_byte: bool) -> tuple[set[str], list[str]]:
        """The trials whose curves are lost, and the files that are damaged or missing."""
        wanted: dict[str, set[str]] = {dataset: set() for dataset in self.datasets()}
        for record in records.values():
            if record.state is not TrialState.FAILED and record.n_evaluations:
                wanted.setdefault(record.dataset, set()).add(record.trial_id)
        lost, damaged = set[str](), list[str]()
        for dataset, ids in wanted.items():
            held, torn = self._look(dataset, every_byte=every_byte)
            lost |= ids - held
            damaged += torn
            if not any(name.rpartition("/")[2].startswith(MERGED) for name in torn):
                damaged += sorted({f"curves/{dataset}/{i}.parquet" for i in ids - held} - set(torn))
        return lost, damaged


def _facts_of_summary(table: pa.Table) -> dict[str, Any]:
    """What is sealed into a summary file: the record of each of its trials."""
    names = [field.name for field in dataclasses.fields(TrialRecord) if field.name in table.column_names]
    rows = {row["trial_id"]: row for row in table.select(names).to_pylist()}
    records = {i: {name: value for name, value in row.items() if value is not None} for i, row in rows.items()}
    return {"trials": list(records), "records": list(records.values())}


def _facts_of_curves(table: pa.Table) -> dict[str, Any]:
    return {"trials": _trials_of(table)}


def _trials_of(table: pa.Table) -> list[str]:
    ids: list[str] = table.column("trial_id").unique().to_pylist()
    return ids
