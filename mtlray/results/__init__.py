"""What a sweep leaves on disk, and how it is read. No module here imports torch; `states` alone needs no pyarrow either."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtlray.results.ledger import Ledger
    from mtlray.results.schema import RESULTS_VERSION
    from mtlray.results.states import TrialState

# Loaded when they are first used: pyarrow takes a while.
_EXPORTS = {
    "Ledger": "mtlray.results.ledger",
    "RESULTS_VERSION": "mtlray.results.schema",
    "TrialState": "mtlray.results.states",
}

__all__ = ["RESULTS_VERSION", "Ledger", "TrialState"]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'mtlray.results' has no attribute {name!r}")
