"""Removal: of which trials a results folder holds anything, and how trials are taken out of it for good."""

import re
from collections.abc import Iterator

from mtlray.results.kept import FOLDER
from mtlray.results.ledger import Ledger
from mtlray.results.shards import MERGED
from mtlray.storage.failpoints import failpoint

_ID = re.compile(r"[0-9a-f]{16}")
_ENDING = ".parquet"


def held(ledger: Ledger) -> set[str]:
    """The trials of which there is a row, a curve, a file for figures, a kept network or a folder, finished or not."""
    ids = set(ledger.started())
    for shards in ledger.shards():
        names = shards.names()
        ids |= {name.removesuffix(_ENDING) for name in names}
        merged = shards.look(name for name in names if name.startswith(MERGED))
        ids = ids.union(*(facts["trials"] for facts in merged.facts.values()))
    ids |= {trial_id for trial_id, _ in pictured(ledger)}
    return {trial_id for trial_id in ids if _ID.fullmatch(trial_id)}


def remove(ledger: Ledger, ids: set[str]) -> None:
    """Take trials out of the folder: rows, curves, files for figures, kept networks, logs, checkpoints. Raises OSError.

    Killed half-way, it leaves trials of which `held` still tells, none of them half in the summary: its rows go first, those in
    merged files before a trial's own.
    """
    for shards in ledger.shards():
        shards.without(ids)
        failpoint("forget-rewritten")
        for name in shards.names():
            if name.removesuffix(_ENDING) in ids:
                shards.delete(name)
    for trial_id, path in pictured(ledger):
        if trial_id in ids:
            ledger.store.delete(path)
    for trial_id in sorted(ids & ledger.started()):
        ledger.store.delete_folder(f"trials/{trial_id}")


def pictured(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """The files for figures and of kept networks: the id of the trial, with which the name begins, and the path."""
    for kind in ("representations", "embeddings", FOLDER):
        for dataset in ledger.store.names(kind):
            for name in ledger.store.names(f"{kind}/{dataset}"):
                yield name[:16], f"{kind}/{dataset}/{name}"
