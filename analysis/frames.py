"""Frames: a sweep's tables as pandas frames, for a notebook. The same numbers as the printed tables, unrounded."""

from collections.abc import Sequence
from typing import TypedDict, Unpack

import pandas as pd

from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.several import load_all
from mtlray.analysis.sources import Sources
from mtlray.analysis.tables import TableOptions, tabulate


class Options(TypedDict, total=False):
    """The fields of `mtlray.analysis.tables.TableOptions`, each of which may be left out."""

    kind: str
    select: str | None
    against: str | None
    baseline: str | None
    rates: str | None
    metrics: str | None
    by: Sequence[str]
    across: Sequence[str]
    where: str | None


def table(results: Results | Sources, **options: Unpack[Options]) -> pd.DataFrame:
    """A table as a frame: one row per cell, or per strategy and part for the other kinds.

    `results` is what `load` returns, or a path, or several of them, which are compared; then a column names the sweep. `kind` is
    cells (default), leaderboard, compare, cost or selection; `select` the selection rule (default: the sweep's own); `against` a
    published table, or a CSV file of one, whose numbers become columns; `rates` what becomes of several learning rates; `metrics`
    which metrics are in it, as "*_global,accuracy" (default: all); `by` and `across` the axes of rows and columns, as
    ["strategy.temperature"]; `where` a condition on trials, as "batch_size == 16". Columns are described in docs/analysis.md.
    Raises what `tabulate` raises.
    """
    return tabulate(_loaded(results), TableOptions(**options)).frame()


def compare(
    results: Results | Sources, *, baseline: str | None = None, select: str | None = None, rates: str | None = None
) -> pd.DataFrame:
    """Each strategy beside a baseline, paired by seed: differences, intervals, effect sizes, tests before and after Holm.

    `baseline` names a strategy; without it there are rows for single-task and for equal. Raises what `tabulate` raises.
    """
    options = TableOptions(kind="compare", baseline=baseline, select=select, rates=rates)
    return tabulate(_loaded(results), options).frame()


def _loaded(results: Results | Sources) -> Results:
    return results if isinstance(results, Results) else load_all(results)
