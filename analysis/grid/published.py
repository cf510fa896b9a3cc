"""Published: which table of which paper is meant, and its numbers as a data frame."""

from collections.abc import Sequence

import pandas as pd

from mtlray.analysis.grid.published_tables import TABLES
from mtlray.analysis.grid.published_tables.base import PublishedTable
from mtlray.errors import ResultsError, unknown_name


def describe(name: str) -> PublishedTable:
    """What is known of a published table such as `gong2019:1`. Raises SpecError, which lists the valid names."""
    if name not in TABLES:
        raise unknown_name("published table", name, TABLES)
    return TABLES[name]


def published(name: str) -> pd.DataFrame:
    """The numbers of a published table, one row per cell: strategy, fraction, task, metric, mean, spread, derived.

    Strategies and metrics have our names where there is one; a paper's single-task rows are `stl:left` or `single-task`.
    Accuracies are in per cent. `spread` is what the paper prints after ±, NaN where it prints none; `derived` marks
    numbers that were worked out from the paper's prose. Raises SpecError.
    """
    numbers = describe(name).numbers()
    frame = pd.DataFrame(list(numbers), columns=["strategy", "fraction", "task", "metric"])
    columns = {"mean": float, "spread": float, "derived": bool}
    return frame.assign(
        **{
            column: pd.Series([getattr(number, column) for number in numbers.values()], dtype=kind)
            for column, kind in columns.items()
        }
    )


def resolve(against: str, default: str | None, datasets: Sequence[str] = ()) -> PublishedTable:
    """The table that `--against` means: `gong2019:1` names it, `gong2019` leaves it to the sweep: its `published`, or its data.

    Raises SpecError for an unknown name, ResultsError where several or none of a paper's tables are about the `datasets`.
    """
    papers = {name.partition(":")[0] for name in TABLES}
    if against not in papers | TABLES.keys():
        raise unknown_name("published table", against, papers | TABLES.keys())
    if against in TABLES:
        return describe(against)
    if default is not None and default.partition(":")[0] == against:
        return describe(default)
    of_paper = [table for name, table in TABLES.items() if name.partition(":")[0] == against]
    found = [table for table in of_paper if any(map(table.covers, datasets))]
    if len(found) != 1:
        tables = ", ".join(f"{table.name} ({table.dataset})" for table in of_paper)
        raise ResultsError(
            f"The sweep names no published table of {against}, and {'several are' if found else 'none is'} about its data. Say "
            f"which one with --against: {tables}."
        )
    return found[0]
