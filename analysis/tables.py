"""Tables: a sweep's results as one table per data set, in text, Markdown, LaTeX or CSV."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import latex, markdown, text
from analysis.cells import Grid, grid
from analysis.load import Results, load
from analysis.published import PublishedTable, numbers, resolve
from analysis.selection import SelectionRule, rule
from analysis.sheet import Sheet, sheet
from analysis.tuning import tuned
from mtlray.errors import ResultsError, unknown_name

_LAYOUTS: dict[str, Callable[[Sheet], str]] = {"text": text.render, "markdown": markdown.render, "latex": latex.render}
FORMATS = (*_LAYOUTS, "csv")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Table:
    """A sweep's cells under one selection rule: a grid per data set, beside a published table or not."""

    results: Results
    selection: SelectionRule
    grids: tuple[Grid, ...]
    against: PublishedTable | None

    def frame(self) -> pd.DataFrame:
        """One row per cell, with numbers unrounded; what `csv` prints."""
        rows = []
        for part in self.grids:
            beside = numbers(self.against.name) if self.against and self.against.covers(part.dataset) else {}
            for strategy, column in itertools.product(part.strategies, part.columns):
                cell, measure = part.cells.get((strategy, column)), column.measure
                if cell is None:
                    continue
                number = beside.get((strategy, column.fraction, measure.task, measure.metric))
                optimizer, rate = self.results.rates.chosen.get((part.dataset, strategy, column.fraction), (None, None))
                rows.append(
                    {
                        "dataset": part.dataset,
                        "data_origin": part.data_origin,
                        "strategy": strategy,
                        "fraction": column.fraction,
                        "task": measure.task,
                        "metric": measure.metric,
                        "unit": measure.unit,
                        "mean": cell.mean,
                        "std": cell.std,
                        "n": cell.n,
                        "expected": cell.expected,
                        "diverged": cell.diverged,
                        "failed": cell.failed,
                        "not_finite": cell.not_finite,
                        "selection": self.selection.name,
                        "published_mean": number and number.mean,
                        "published_spread": number and number.spread,
                        "published_derived": number and number.derived,
                        "optimizer": optimizer,
                        "learning_rate": rate,
                    }
                )
        return pd.DataFrame(rows)

    def render(self, format: str = "text") -> str:
        """The table in one of FORMATS, without a newline at the end. Raises SpecError for an unknown format."""
        _check(format)
        if format == "csv":
            rows: str = self.frame().to_csv(index=False)
            return rows.rstrip("\n")
        sheets = [sheet(self.results, self.selection, part, self.against) for part in self.grids]
        return "\n\n\n".join(_LAYOUTS[format](one) for one in sheets)


def table(
    results: Results, *, select: str | None = None, against: str | None = None, rates: str | None = None
) -> Table:
    """The table of a sweep under the selection rule `select` (default: the sweep's own), beside `against` if given.

    `rates` says what becomes of several learning rates: "best" or "all", see `analysis.tuning`.
    Raises SpecError for an unknown rule or published table. Raises ResultsError where the sweep plans no trial, where
    the published table is about none of its data sets, and as `analysis.cells.grid` does.
    """
    results = tuned(results, rates)
    selected = rule(select or results.sweep.get("selection") or "best_val")
    beside = None if against is None else resolve(against, results.sweep.get("published"))
    if not results.datasets:
        raise ResultsError("A table should have at least one trial. The sweep plans none.")
    if beside is not None and not any(map(beside.covers, results.datasets)):
        raise ResultsError(
            f"{beside.name} should be about a data set of this sweep. It is about {beside.dataset}; the sweep has "
            f"{', '.join(results.datasets)}. Leave --against out, or name another table."
        )
    grids = tuple(grid(results, selected, dataset) for dataset in results.datasets)
    return Table(results=results, selection=selected, grids=grids, against=beside)


def render_table(
    results_path: str,
    *,
    trials: Sequence[Mapping[str, Any]] | None = None,
    select: str | None = None,
    format: str = "text",
    against: str | None = None,
    rates: str | None = None,
) -> str:
    """Load a results folder and render its table: `load`, `table` and `Table.render` in one. Raises what they raise."""
    _check(format)
    return table(load(results_path, trials=trials), select=select, against=against, rates=rates).render(format)


def _check(format: str) -> None:
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
