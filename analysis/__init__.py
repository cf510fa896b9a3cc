"""analysis: from the Parquet files of a sweep to its tables. Imports neither torch nor ray."""

from analysis.frames import compare, table
from analysis.load import Results, load
from analysis.published import published
from analysis.tables import Table, render_table, tabulate

__all__ = ["Results", "Table", "compare", "load", "published", "render_table", "table", "tabulate"]
