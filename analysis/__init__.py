"""analysis: from the Parquet files of a sweep to its tables. Imports neither torch nor ray."""

from mtlray.analysis.frames import compare, table
from mtlray.analysis.grid.load import Results, load
from mtlray.analysis.grid.published import published
from mtlray.analysis.tables import Table, render_table, tabulate

__all__ = ["Results", "Table", "compare", "load", "published", "render_table", "table", "tabulate"]
