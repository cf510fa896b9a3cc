"""A sweep's tables from Python, as frames."""

from pathlib import Path
from typing import Any

import pandas as pd

from mtlray.analysis.grid.load import load
from mtlray.analysis.tables import TableOptions, tabulate
from mtlray.calls.opening import SweepLike, opened
from mtlray.specs import SweepSpec
from mtlray.sweep import Sweep


def table(sweep: SweepLike, *, results: str | Path = "results", **options: Any) -> pd.DataFrame:
    """A sweep's table as a frame, the numbers unrounded: one row per cell, or as `kind` says.

    `sweep` is a SweepSpec, the path of a sweep file, or a sweep's own results folder. `options` are those of
    `mtlray.analysis.TableOptions`, such as `kind="leaderboard"` or `select="last"`. Raises MtlrayError.
    """
    if isinstance(sweep, SweepSpec) or str(sweep).endswith(".py"):
        return frame_of(opened(sweep, results), **options)
    return tabulate(load(str(sweep)), TableOptions(**options)).frame()


def frame_of(sweep: Sweep, **options: Any) -> pd.DataFrame:
    """The table of the trials that a sweep plans. Raises MtlrayError."""
    described = sweep.description()
    results = load(sweep.folder, trials=described["trials"], common=described["fields"])
    return tabulate(results, TableOptions(**options)).frame()
