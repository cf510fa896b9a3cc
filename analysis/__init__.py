"""analysis: from the Parquet files of a sweep to its tables. Imports neither torch nor ray.

Names are loaded when they are first used: the command line, which mounts `mtlray.analysis.app`, should not wait for pandas.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtlray.analysis.frames import compare, table
    from mtlray.analysis.grid.load import Results, load
    from mtlray.analysis.grid.published import published
    from mtlray.analysis.sources import Source
    from mtlray.analysis.tables import Table, TableOptions, render_table, tabulate

_FILES = {
    "frames": ("compare", "table"),
    "grid.load": ("Results", "load"),
    "grid.published": ("published",),
    "sources": ("Source",),
    "tables": ("Table", "TableOptions", "render_table", "tabulate"),
}

__all__ = [
    "Results",
    "Source",
    "Table",
    "TableOptions",
    "compare",
    "load",
    "published",
    "render_table",
    "table",
    "tabulate",
]


def __getattr__(name: str) -> Any:
    for file, names in _FILES.items():
        if name in names:
            return getattr(importlib.import_module(f"mtlray.analysis.{file}"), name)
    raise AttributeError(f"module 'mtlray.analysis' has no attribute {name!r}")
