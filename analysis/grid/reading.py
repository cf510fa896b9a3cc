"""Reading: the rows of a summary as a data frame that takes little memory."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from mtlray.results.ledger import Ledger

_FEW = ("versions", "component_versions", "data_origin")  # long texts, of which a sweep has few


def summary_frame(ledger: Ledger, columns: Sequence[str] | None) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a summary, or some of its columns, and the names of the files that do not open.

    A long text that many rows share is one object, None where there is none: of a hundred thousand trials the versions alone
    would take 40 MB.
    """
    rows, damaged = ledger.summary(columns)
    frame = _frame(rows)
    del rows
    pa.default_memory_pool().release_unused()
    return frame, damaged


def _frame(rows: pa.Table) -> pd.DataFrame:
    few = [name for name in _FEW if name in rows.column_names]
    frame: pd.DataFrame = rows.drop_columns(few).to_pandas()
    for name in few:
        column = rows.column(name).combine_chunks().dictionary_encode()
        texts = np.array([*column.dictionary.to_pylist(), None], dtype=object)
        frame[name] = pd.Series(texts[column.indices.fill_null(len(texts) - 1).to_numpy()], dtype=object)
    ordered: pd.DataFrame = frame[rows.column_names]
    return ordered
