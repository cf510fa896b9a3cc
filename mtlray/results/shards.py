"""Shards: a folder of sealed Parquet files, one for each trial, and merged ones. What opens is read; the rest is named."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtlray.errors import StoreError
from mtlray.storage.failpoints import failpoint
from mtlray.storage.names import is_side_file
from mtlray.storage.seal import check_seal, facts_in_footer, facts_of, sealed
from mtlray.storage.store import Store

MERGED = "compact-"
Known = dict[str, tuple[tuple[int, int], dict[str, Any] | None]]
"""What was found in files: size and time, and facts as `Shards.facts` gives them."""

_REQUESTS = 16  # at once, to an object store
_MOST = 10_000  # trials of a merged file
_SETTLED = 2_000_000_000  # nanoseconds after which a file's time tells whether it was written again


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds: the facts of each file that opens, merged files last, and the names of those that do not."""

    facts: dict[str, dict[str, Any]]
    damaged: list[str]


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a folder, each trial once; the trials in each file they came from; the files that do not open."""

    tables: list[pa.Table]
    ids: dict[str, set[str]]
    damaged: list[str]


class Shards:
    """One folder. `describe` gives the facts that are sealed into a file, among them its `trials`, from its table.

    A file without a seal counts only where `unsealed` says that its table is one of the first, which had none: any other was
    written by something else, with numbers that nobody vouches for.
    """

    def __init__(
        self,
        store: Store,
        folder: str,
        describe: Callable[[pa.Table], dict[str, Any]],
        unsealed: Callable[[pa.Table], bool],
        known: Known | None = None,
    ) -> None:
        """`known` keeps what was found in the files, for the next object of this folder too."""
        self._known: Known = {} if known is None else known
        self._stamps: dict[str, tuple[int, int]] = {}
        self._store = store
        self.folder = folder
        self._describe = describe
        self._unsealed = unsealed

    def names(self) -> list[str]:
        """The files, own shards before merged ones."""
        return sorted(self.sizes(), key=lambda name: (name.startswith(MERGED), name))

    def sizes(self) -> dict[str, int]:
        """The size in bytes of each file, from the folder's listing."""
        self._stamps = self._store.stamps(self.folder)
        return {
            name: n for name, (n, _) in self._stamps.items() if name.endswith(".parquet") and not is_side_file(name)
        }

    def write(self, name: str, table: pa.Table) -> int:
        """Write one file; returns its size in bytes. Raises OSError."""
        data = sealed(table, self._describe(table))
        self._store.write(f"{self.folder}/{name}", data)
        return len(data)

    def delete(self, name: str) -> None:
        """Does nothing if there is no such file."""
        self._store.delete(f"{self.folder}/{name}")

    def look(self, names: Iterable[str]) -> Found:
        """The facts of files, every byte of which is checked. A file that has disappeared since it was listed is skipped.

        One that has the size and the time with which it was checked before is not read again.
        """
        names = list(names)
        new = [name for name in names if name not in self._known or self._known[name][0] != self._stamps.get(name)]
        if self._store.local is not None:
            read = dict(zip(new, map(self.facts, new), strict=True))
        else:
            with ThreadPoolExecutor(_REQUESTS) as pool:
                read = dict(zip(new, pool.map(self.facts, new), strict=True))
        pairs = [(name, read[name] if name in read else self._known[name][1]) for name in names]
        settled = time.time_ns() - _SETTLED
        for name, facts in read.items():
            # A file may be written twice within a tick of its clock.
            if (stamp := self._stamps.get(name)) is not None and stamp[1] < settled:
                self._known[name] = stamp, facts
        damaged = [f"{self.folder}/{name}" for name, facts in pairs if facts is None]
        return Found({name: facts for name, facts in pairs if facts}, damaged)

    def facts(self, name: str) -> dict[str, Any] | None:
        """The facts of one file: None where it does not open, empty where it is gone."""
        try:
            data = self._store.read(f"{self.folder}/{name}")
        except FileNotFoundError:
            return {}
        with _content():
            if (facts := facts_of(data)) is not None:
                return facts
            table = _parse(data)
            return self._describe(table) if self._unsealed(table) else None
        return None

    def glance(self, names: Iterable[str]) -> Found:
        """As `look`, by the end of each file alone, whose other bytes are not read; on an object store by every byte."""
        names = list(names)
        if self._store.local is None:
            return self.look(names)
        pairs = [(name, self._facts_at_end(name)) for name in names]
        damaged = [f"{self.folder}/{name}" for name, facts in pairs if facts is None]
        return Found({name: facts for name, facts in pairs if facts}, damaged)

    def _facts_at_end(self, name: str) -> dict[str, Any] | None:
        """As `facts`: a Parquet file ends with its footer, the footer's length in four bytes, and a sign."""
        known, found = self._known.get(name), self._stamps.get(name)
        if known is not None and known[0] == found:
            return known[1]
        path = f"{self.folder}/{name}"
        try:
            last = self._store.end(path, 8)
            if last[4:] != b"PAR1":
                return None
            footer = self._store.end(path, int.from_bytes(last[:4], "little") + 8)
        except FileNotFoundError:
            return {}
        with _content():
            return facts_in_footer(footer) or self.facts(name)
        return None

    def ends(self, name: str) -> bool:
        """Whether a file has its end, which is written last; on an object store every file has."""
        if self._store.local is None:
            return True
        try:
            return self._store.end(f"{self.folder}/{name}", 4) == b"PAR1"
        except FileNotFoundError:
            return True  # gone since it was listed

    def table(self, name: str, columns: Collection[str] | None = None) -> pa.Table | None:
        """The rows of one file, or those of its `columns` that it has; None where it does not open."""
        try:
            data = self._store.read(f"{self.folder}/{name}")
        except FileNotFoundError:
            return None
        with _content():
            if check_seal(data) is not None or self._unsealed(_parse(data)):
                return _parse(data, columns)
        return None

    def merge(self, columns: Collection[str] | None = None) -> Tables:
        """What opens, each trial once: its own shard, before a merged one that holds it too. `columns` name `trial_id`."""
        merged = Tables([], {}, [])
        seen = set[str]()
        for name in self.names():
            table = self.table(name, columns)
            if table is None or "trial_id" not in table.column_names:
                merged.damaged.append(f"{self.folder}/{name}")
                continue
            merged.ids[name] = set(table.column("trial_id").to_pylist())
            fresh = merged.ids[name] - seen
            merged.tables.append(table if fresh == merged.ids[name] else rows_of(table, fresh))
            seen |= fresh
        return merged

    def replace(self, ids: set[str]) -> None:
        """Merge the rows of `ids`, at most `_MOST` trials a file, and remove the files all of whose rows are in merged ones.

        Merged files that are large enough stay as they are. Never more than the rows of one new file are held at a time.
        """
        names = self.names()
        trials = {name: facts["trials"] for name, facts in self.look(names).facts.items()}
        owner: dict[str, str] = {}  # the file whose rows of a trial count
        for name in names:
            for trial in trials.get(name, ()):
                owner.setdefault(trial, name)
        group: list[str] = []
        held: set[str] = set()
        for name, of in trials.items():
            own = {trial for trial in of if owner[trial] == name}
            merged = name.startswith(MERGED)
            if (own == set(of) and len(own) >= _MOST // 2) if merged else not own <= ids:
                continue
            if held and len(held) + len(own) > _MOST:
                self._merge_into_one(group, held)
                group, held = [], set()
            group.append(name)
            held |= own
        self._merge_into_one(group, held)

    def _merge_into_one(self, names: list[str], ids: set[str]) -> None:
        """Write the rows of `ids`, each of which is in one of some files, into one file, and remove these."""
        if not names or (len(names) == 1 and names[0].startswith(MERGED) and self._merged_name(ids) == names[0]):
            return
        merged = ""
        if ids:
            tables, left = [], set(ids)
            for name in names:
                if (table := self.table(name)) is not None:
                    rows = rows_of(table, left)
                    tables.append(rows)
                    left -= set(rows.column("trial_id").to_pylist())
            merged = self._write_merged(pa.concat_tables(tables, promote_options="default"), ids)
            failpoint("merge-written")
        for name in names:
            if name != merged:
                self.delete(name)
                failpoint("merge-deleted")

    def without(self, ids: set[str]) -> None:
        """Take trials out of merged files; their own shards stay. Killed half-way, it leaves rows twice."""
        for name in self.names():
            if not name.startswith(MERGED) or (table := self.table(name)) is None:
                continue
            held = set(table.column("trial_id").to_pylist())
            if not held & ids:
                continue
            if held - ids:
                self._write_merged(rows_of(table, held - ids), held - ids)
                failpoint("merge-written")
            self.delete(name)
            failpoint("merge-deleted")

    def _write_merged(self, table: pa.Table, ids: set[str]) -> str:
        name = self._merged_name(ids)
        self.write(name, table.sort_by("trial_id"))
        return name

    @staticmethod
    def _merged_name(ids: set[str]) -> str:
        digest = hashlib.sha256(" ".join(sorted(ids)).encode()).hexdigest()[:12]
        return f"{MERGED}{len(ids)}-{digest}.parquet"


@contextlib.contextmanager
def _content() -> Iterator[None]:
    """Around what looks at bytes that were read: end the block where they are not what they should be."""
    try:
        yield
    except (
        MemoryError,
        StoreError,
    ):  # Arrow's errors are of many kinds; no store's trouble says anything about the bytes
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError):  # OSError is Arrow's for a page that is damaged
        pass


def _parse(data: bytes, columns: Collection[str] | None = None) -> pa.Table:
    file = pq.ParquetFile(pa.BufferReader(data))
    # Names from `schema`, because `schema_arrow` holds another copy of the metadata, of which a large summary has 25 MB.
    table: pa.Table = file.read(None if columns is None else [name for name in file.schema.names if name in columns])
    return table.replace_schema_metadata(None)


def rows_of(table: pa.Table, ids: set[str]) -> pa.Table:
    """The rows of some trials."""
    return table.filter(pa.array([i in ids for i in table.column("trial_id").to_pylist()], pa.bool_()))


def relabelled(table: pa.Table, labels: Mapping[str, str]) -> pa.Table:
    """The same rows with one text in all of a column, for each of its columns that `labels` names."""
    for name, text in labels.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array([text] * table.num_rows, pa.string()))
    return table
