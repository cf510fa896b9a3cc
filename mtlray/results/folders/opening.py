"""The ledger of a results folder that is named by itself, without its sweep file."""

from pathlib import Path

from mtlray.errors import ResultsError
from mtlray.results.ledger import Ledger


def ledger_of(folder: str | Path) -> Ledger:
    """The ledger of a sweep's own results folder, such as results/quickstart. Raises ResultsError where there is none."""
    text = str(folder) if "://" in str(folder) else str(Path(folder).expanduser().absolute())
    parent, _, name = text.rstrip("/").rpartition("/")
    ledger = Ledger(parent or "/", name)
    if not ledger.store.exists("sweep.json"):
        raise ResultsError(
            f"`{folder}` should be a sweep's results folder, with a file sweep.json, such as `results/NAME`. Found none."
        )
    return ledger
