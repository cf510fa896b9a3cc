"""What a sweep leaves behind: the Parquet schemas, and the ledger that writes and reads a sweep's results folder.

RESULTS/<sweep>/sweep.json                       the sweep as last launched
RESULTS/<sweep>/trials/<trial_id>/               checkpoint while it runs, one log for each attempt
RESULTS/<sweep>/curves/<dataset>/<trial_id>.parquet   one row for each evaluation
RESULTS/<sweep>/summary/<trial_id>.parquet       one row for each task and metric; its presence is the commit
"""

import dataclasses
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtlray.errors import ResultsError
from mtlray.schema import (
    CURVE_CIRCUMSTANCES,
    RESULTS_VERSION,
    SUMMARY,
    SUMMARY_CIRCUMSTANCES,
    State,
    curves_schema,
    to_parquet,
)
from mtlray.store import Store

__all__ = ["CURVE_CIRCUMSTANCES", "RESULTS_VERSION", "SUMMARY", "SUMMARY_CIRCUMSTANCES"]
__all__ += ["Ledger", "State", "TrialRecord", "curves_schema"]


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """What the ledger knows of one finished trial."""

    trial_id: str
    state: State
    dataset: str
    data_fingerprint: str
    model: str
    device: str
    steps: int
    seconds: float
    attempts: int
    error: str


class Ledger:
    """One sweep's results folder. Reading never changes it; each write is one whole file.

    A trial counts as finished when its summary shard opens and holds its rows, and its curves, which are written before it, are
    not in a file that does not open.
    """

    def __init__(self, results: str, sweep: str) -> None:
        self.results = results
        self.sweep = sweep
        self.store = Store(f"{str(results).rstrip('/')}/{sweep}")

    # -- the sweep as a whole

    def write_sweep(self, description: Mapping[str, Any]) -> None:
        """Store the resolved sweep. Raises OSError."""
        self.store.write("sweep.json", json.dumps(description, indent=1).encode())

    def read_sweep(self) -> dict[str, Any] | None:
        """The resolved sweep as last launched; None where nothing was launched yet. Raises ResultsError."""
        try:
            data = self.store.read("sweep.json")
        except FileNotFoundError:
            return None
        try:
            description: dict[str, Any] = json.loads(data)
        except ValueError as error:
            raise ResultsError(
                f"{self.store.where('sweep.json')} should hold JSON. Found: {error}. "
                "Remove that file and launch the sweep again; finished trials are kept."
            ) from error
        return description

    # -- finished trials

    def commit(self, trial_id: str, dataset: str, curves: pa.Table | None, summary: pa.Table) -> None:
        """Write a trial's curves, then its summary, which makes it finished. Raises OSError."""
        if curves is not None:
            self.store.write(f"curves/{dataset}/{trial_id}.parquet", to_parquet(curves))
        self.store.write(f"summary/{trial_id}.parquet", to_parquet(summary))

    def summary(self) -> tuple[pa.Table, list[str]]:
        """All summary rows, each trial once, and the names of shards that do not open.

        Raises ResultsError where shards of another `results_version` lie in the folder.
        """
        shards = self._merge("summary")
        table = pa.concat_tables([_as_summary(t) for t in shards.tables]) if shards.tables else SUMMARY.empty_table()
        found = set(table.column("results_version").to_pylist()) - {RESULTS_VERSION}
        if found:
            raise ResultsError(
                f"{self.store.where('')} holds results of results_version {', '.join(map(str, sorted(found)))}; this "
                f"mtlray computes results_version {RESULTS_VERSION}, and the two must not be mixed. "
                "Use another --results folder, or install the mtlray that made them (column `versions`)."
            )
        return table, shards.damaged

    def records(self) -> tuple[dict[str, TrialRecord], list[str]]:
        """Finished trials by id, less those that lost their curves, and the files that do not open. Raises as `summary`."""
        table, damaged = self.summary()
        columns = [field.name for field in dataclasses.fields(TrialRecord)]
        records = {row["trial_id"]: TrialRecord(**row) for row in table.select(columns).to_pylist()}
        curves = self.damaged_curves()
        for trial_id in self._without_curves(records, curves):
            del records[trial_id]
        return records, damaged + curves

    def damaged_curves(self) -> list[str]:
        """The names of the curve files that do not open. On a local disk only their footers are read."""
        names = [
            f"curves/{dataset}/{name}" for dataset in self.datasets() for name in self._shards(f"curves/{dataset}")
        ]
        return [name for name in names if not self._opens(name)]

    def ending(self, trial_id: str) -> tuple[str, str] | None:
        """State and error text of one trial from its own shard; None where it has none that opens."""
        table = self._read(f"summary/{trial_id}.parquet")
        if table is None or table.num_rows == 0:
            return None
        row = table.select(["state", "error"]).slice(0, 1).to_pylist()[0]
        return row["state"], row["error"]

    def curves(self, dataset: str) -> pa.Table | None:
        """All curves of one data set, each trial once; None where there are none. Damaged shards are passed over."""
        tables = self._merge(f"curves/{dataset}").tables
        return pa.concat_tables(tables, promote_options="default") if tables else None

    def datasets(self) -> list[str]:
        """The data sets that have curves."""
        return self.store.names("curves")

    def forget(self, trial_ids: Iterable[str]) -> None:
        """Remove the summary shards of trials, so that they may run again; curves and logs stay until then."""
        for trial_id in trial_ids:
            self.store.delete(f"summary/{trial_id}.parquet")

    def compact(self) -> int:
        """Merge the shards of finished trials into one file a folder; returns how many trials were merged.

        Failed trials stay apart, so that `forget` can take them out. Killed between two steps, it leaves rows twice on disk,
        which readers take once. Raises ResultsError, and changes nothing, where files do not open.
        """
        table, damaged = self.summary()
        if damaged := damaged + self.damaged_curves():
            raise ResultsError(
                f"All files in {self.store.where('')} should open before they are merged. Found damaged: {', '.join(damaged)}. "
                "Run the sweep again, which trains their trials again, and then merge."
            )
        keep = table.filter(pa.array([state != "failed" for state in table.column("state").to_pylist()], pa.bool_()))
        ids = set(keep.column("trial_id").to_pylist())
        if not ids:
            return 0
        for dataset in self.datasets():
            self._replace(f"curves/{dataset}", ids)
        self._replace("summary", ids)
        return len(ids)

    # -- unfinished trials

    def write_checkpoint(self, trial_id: str, data: bytes) -> None:
        """Raises OSError."""
        self.store.write(f"trials/{trial_id}/checkpoint.pt", data)

    def read_checkpoint(self, trial_id: str) -> bytes | None:
        """None where the trial has no checkpoint."""
        try:
            return self.store.read(f"trials/{trial_id}/checkpoint.pt")
        except FileNotFoundError:
            return None

    def set_checkpoint_aside(self, trial_id: str) -> None:
        """Keep a checkpoint that does not load under another name."""
        data = self.store.read(f"trials/{trial_id}/checkpoint.pt")
        self.store.write(f"trials/{trial_id}/checkpoint.damaged.pt", data)
        self.delete_checkpoint(trial_id)

    def delete_checkpoint(self, trial_id: str) -> None:
        """Nothing happens where there is none."""
        self.store.delete(f"trials/{trial_id}/checkpoint.pt")

    def attempts(self, trial_id: str) -> int:
        """How often the trial was started."""
        return sum(name.startswith("attempt-") for name in self.store.names(f"trials/{trial_id}"))

    def write_log(self, trial_id: str, attempt: int, text: str) -> str:
        """Store the log of one attempt; returns where it lies."""
        path = f"trials/{trial_id}/attempt-{attempt}.log"
        self.store.write(path, text.encode())
        return self.store.where(path)

    def probe(self) -> None:
        """Raise ResultsError where results cannot be written; leaves nothing behind."""
        try:
            self.store.write("trials/.probe", b"")
            self.store.delete("trials/.probe")
        except OSError as error:
            raise ResultsError(
                f"Results should go to {self.store.where('')}. Found: {error}. "
                "Make that folder writable, or choose another place with --results."
            ) from error

    def started(self) -> set[str]:
        """The ids of all trials that were ever started."""
        return set(self.store.names("trials"))

    # -- plumbing

    def _shards(self, folder: str) -> list[str]:
        return [name for name in self.store.names(folder) if name.endswith(".parquet")]

    def _read(self, path: str) -> pa.Table | None:
        """The table, or None where the file does not open as Parquet."""
        try:
            table: pa.Table = pq.read_table(io.BytesIO(self.store.read(path)))
        except (pa.ArrowException, OSError):
            return None
        return table

    def _opens(self, path: str) -> bool:
        """Whether a file has the footer of one of our Parquet files, or is gone since it was listed."""
        try:
            source = self.store.local / path if self.store.local else io.BytesIO(self.store.read(path))
            return "trial_id" in pq.read_schema(source).names
        except FileNotFoundError:
            return True
        except (pa.ArrowException, OSError):
            return False

    def _without_curves(self, records: Mapping[str, TrialRecord], damaged: Iterable[str]) -> set[str]:
        """The trials that lost their curves to damaged files: those of their own shards, and of merged ones what is nowhere."""
        lost = set[str]()
        for _, dataset, name in (path.split("/") for path in damaged):
            ids = {name.removesuffix(".parquet")}
            if name.startswith("compact-"):
                ids = {i for i, record in records.items() if record.dataset == dataset}
                ids -= set[str]().union(*self._merge(f"curves/{dataset}").ids.values())
            lost |= {i for i in ids & records.keys() if records[i].state != "failed"}
        return lost

    def _merge(self, folder: str) -> "_Shards":
        """What opens of a folder's shards, each trial once: its own shard, before a merged one that holds it too."""
        found = _Shards([], {}, [])
        seen = set[str]()
        for name in sorted(self._shards(folder), key=lambda name: (name.startswith("compact-"), name)):
            table = self._read(f"{folder}/{name}")
            if table is None or "trial_id" not in table.column_names:
                found.damaged.append(f"{folder}/{name}")
                continue
            found.ids[name] = set(table.column("trial_id").to_pylist())
            fresh = found.ids[name] - seen
            found.tables.append(_of(table, fresh))
            seen |= fresh
        return found

    def _replace(self, folder: str, ids: set[str]) -> None:
        """Write the rows of `ids` into one merged file, then remove the files all of whose trials are in it."""
        shards = self._merge(folder)
        if not shards.tables:
            return
        table = _of(pa.concat_tables(shards.tables, promote_options="default"), ids)
        digest = hashlib.sha256(" ".join(sorted(ids)).encode()).hexdigest()[:12]
        merged = f"compact-{len(ids)}-{digest}.parquet"
        self.store.write(f"{folder}/{merged}", to_parquet(table.sort_by("trial_id")))
        written = set(table.column("trial_id").to_pylist())
        for name, held in shards.ids.items():
            if name != merged and held <= written:
                self.store.delete(f"{folder}/{name}")


@dataclass(frozen=True, slots=True)
class _Shards:
    """The tables of a folder, the trials in each file they came from, and the files that do not open."""

    tables: list[pa.Table]
    ids: dict[str, set[str]]
    damaged: list[str]


def _of(table: pa.Table, ids: set[str]) -> pa.Table:
    """The rows of some trials."""
    return table.filter(pa.array([i in ids for i in table.column("trial_id").to_pylist()], pa.bool_()))


def _as_summary(table: pa.Table) -> pa.Table:
    """A summary shard in today's schema; a column that came later is null."""
    for column in SUMMARY:
        if column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(table.num_rows, column.type))
    return table.select(SUMMARY.names).cast(SUMMARY)
