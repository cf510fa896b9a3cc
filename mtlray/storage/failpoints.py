"""Failpoints: named places between the steps of every write, where a test makes the process die. A no-op otherwise.

`MTLRAY_FAILPOINT=name` kills the process (SIGKILL, as a power cut or the kernel would) the first time it gets there, and
`MTLRAY_FAILPOINT=name:n` the n-th time. With `name:n:file` it makes that file instead and stays there until the file is gone.
"""

import os
import signal
import time
from pathlib import Path

# Every failpoint, in the order in which a trial and then a merge pass them.
FAILPOINTS = {
    # one file (mtlray.storage.store, mtlray.storage.beside)
    "write-begun": "nothing of a file is written",
    "write-half": "half of a temporary file is written",
    "write-flushed": "a temporary file is whole and not yet synced",
    "write-synced": "a temporary file is synced and not yet renamed",
    "write-renamed": "a file has its name, and its folder is not yet synced",
    "write-done": "a file is written",
    "delete-begun": "a file is about to be removed",
    "delete-done": "a file is removed",
    # a trial (mtlray.results.trial_folder, mtlray.results.generations, mtlray.results.kept, mtlray.results.ledger)
    "attempt-started": "the start of an attempt is noted",
    "checkpoint-written": "a checkpoint is written and older ones are still there",
    "checkpoint-pruned": "a checkpoint is written and older ones are removed",
    "commit-begun": "a trial is trained and nothing of its results is written",
    "kept-weights": "the weights of a trial are kept, and what it predicts is not",
    "commit-curves": "the curves are written and the summary is not",
    "commit-summary": "the summary is written: the trial is finished, its checkpoints are still there",
    "attempt-ended": "the end of an attempt is noted",
    "checkpoint-deleted": "the checkpoints of a finished trial are removed",
    # a sweep (mtlray.results.ledger)
    "sweep-written": "sweep.json is written and no trial has started",
    "merge-written": "merged rows are written and the files they come from are still there",
    "merge-deleted": "one of the files that were merged is removed",
    "forget-rewritten": "a trial is out of the merged files and its own file is still there",
    "quarantine-copied": "a damaged file is copied into quarantine and still in its place",
}

_hits: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Die or wait here if the environment says so. Raises KeyError for a name that is not listed."""
    armed = os.environ.get("MTLRAY_FAILPOINT")
    if not armed:
        return
    FAILPOINTS[name]
    wanted, hit, file, *_ = (*armed.split(":", 2), "", "")
    if wanted != name:
        return
    _hits[name] = _hits.get(name, 0) + 1
    if _hits[name] != int(hit or 1):
        return
    if not file:
        os.kill(os.getpid(), signal.SIGKILL)
    path = Path(file)
    path.touch()
    while path.exists():
        time.sleep(0.01)
