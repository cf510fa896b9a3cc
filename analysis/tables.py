"""Tables: a sweep's results as one table per data set, in text, Markdown, LaTeX, HTML or CSV."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mtlray.analysis.grid.arranging import arranged, with_axes
from mtlray.analysis.grid.cells import Cell, Grid, grid
from mtlray.analysis.grid.load import Results, adopted_text
from mtlray.analysis.grid.metrics import only
from mtlray.analysis.grid.own_numbers import beside as beside_of
from mtlray.analysis.grid.published_tables.base import Number, PublishedTable
from mtlray.analysis.grid.selection import READ, SelectionRule, rule, rule_of
from mtlray.analysis.grid.several import load_all
from mtlray.analysis.grid.tuning import tuned
from mtlray.analysis.layout import delimited, html, latex, markdown, text
from mtlray.analysis.layout.entries import Sheet
from mtlray.analysis.layout.listing import Listing
from mtlray.analysis.layout.sheet import sheet
from mtlray.analysis.sources import Sources
from mtlray.errors import ResultsError, SpecError, unknown_name

if TYPE_CHECKING:
    from mtlray.analysis.kinds.beside import Beside
    from mtlray.analysis.kinds.parts import Part

FORMATS = ("text", "markdown", "latex", "html", "csv")
# The columns of the summary that tables are made from; the others are long texts.
_READ = (
    "trial_id", "dataset", "data_origin", "data_fingerprint", "strategy", "state", "task", "metric", "unit",
    "higher_is_better", "best_val", "joint_val_score", "trivial", "perfect", "n_evaluations", "steps",
    "stopped_early", "solver_fallbacks",
    "backward_passes", "train_samples_per_second", "seconds", "peak_memory_bytes", "pack_size", "device",
    "kernel", "versions", "adopted", *READ,
)  # fmt: skip
KINDS = ("cells", "leaderboard", "compare", "cost", "selection")


@dataclass(frozen=True, kw_only=True, slots=True)
class TableOptions:
    """What a table shows: one of KINDS, under the selection rule `select` (default: the sweep's own), beside `against` if given.

    `baseline` is the strategy that a comparison is made with; by default single-task, then equal. `rates` says what becomes of
    several learning rates: "best" or "all", see `mtlray.analysis.grid.tuning`. `metrics` are those that are shown, see
    `mtlray.analysis.grid.metrics`. `by` and `across` are axes of rows and columns, and `where` chooses trials, see
    `mtlray.analysis.grid.arranging`. Raises SpecError for an unknown kind, and for options that the kind does not have.
    """

    kind: str = "cells"
    select: str | None = None
    against: str | None = None
    baseline: str | None = None
    rates: str | None = None
    metrics: str | None = None
    by: Sequence[str] = ()
    across: Sequence[str] = ()
    where: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_name("kind of table", self.kind, KINDS)
        kinds_with = (
            ("against", ("cells",)),
            ("baseline", ("compare",)),
            ("across", tuple(k for k in KINDS if k != "cost")),
            ("select", tuple(k for k in KINDS if k != "selection")),
        )
        for option, kinds in kinds_with:
            if getattr(self, option) not in (None, ()) and self.kind not in kinds:
                raise SpecError(
                    f"Option --{option} should come with a table of kind {', '.join(kinds)}. Found --kind {self.kind}. Leave "
                    "one of them out."
                )


CELLS = TableOptions()


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A sweep's table of one of KINDS under one selection rule: a grid per data set, beside a published table or not."""

    results: Results
    selection: SelectionRule
    grids: tuple[Grid, ...]
    against: PublishedTable | None
    kind: str = "cells"
    baseline: str | None = None
    whole: bool = False
    """Whether a table of many tasks shows every metric, as one does whose metrics were asked for."""

    def frame(self) -> pd.DataFrame:
        """One row per cell, comparison or strategy, with numbers unrounded; what `csv` prints.

        The column `adopted` is there where some trials are: what the head of the table says about those of the row's data set.
        """
        frame = self._named(with_axes(self._numbers(), self.results))
        texts = {dataset: adopted_text(self.results, dataset) for dataset in self.results.datasets}
        return frame.assign(adopted=frame["dataset"].map(texts)) if any(texts.values()) else frame

    def _named(self, frame: pd.DataFrame) -> pd.DataFrame:
        """With the name of the sweep in a column of its own, where there are several."""
        if not self.results.parts:
            return frame
        ends = {f" [{name}]": name for name in self.results.namesakes.folders}
        whose = [next(end for end in ends if strategy.endswith(end)) for strategy in frame["strategy"].tolist()]
        own = [strategy.removesuffix(end) for strategy, end in zip(frame["strategy"].tolist(), whose, strict=True)]
        frame = frame.assign(strategy=own)
        frame.insert(0, "sweep", [ends[end] for end in whose])
        return frame

    def _numbers(self) -> pd.DataFrame:
        if self.kind != "cells":
            frame = pd.concat([pd.DataFrame(rows) for rows, _ in self._parts], ignore_index=True)
            return frame if self.kind == "selection" else frame.assign(selection=self.selection.name)
        from mtlray.analysis.grid.scores import scores
        from mtlray.analysis.kinds.beside import besides, numbers_in
        from mtlray.analysis.kinds.marks import marks

        rows = []
        for part in self.grids:
            beside = numbers_in(part, self.against, self.results)
            marked = marks(part, scores(self.results, self.selection, part))
            verdicts = besides(part, beside, self.against.assumed_runs) if self.against and beside else {}
            for strategy, column in itertools.product(part.strategies, part.columns):
                cell, measure = part.cells.get((strategy, column)), column.measure
                if cell is None:
                    continue
                number = beside.get((strategy, column))
                optimizer, rate = self.results.rates.chosen.get((part.dataset, strategy, column.place), (None, None))
                tried = self.results.rates.tried.get((part.dataset, strategy, column.place), 1)
                rows.append(
                    {"dataset": part.dataset, "data_origin": part.data_origin, "strategy": strategy}
                    | {
                        "fraction": column.fraction,
                        "across": column.across,
                        "task": measure.task,
                        "metric": measure.metric,
                    }
                    | {"unit": measure.unit, "mean": cell.mean, "std": cell.std, "n": cell.n, "expected": cell.expected}
                    | {"diverged": cell.diverged, "failed": cell.failed, "not_finite": cell.not_finite}
                    | {"selection": self.selection.name}
                    | self._published(cell, number, verdicts.get((strategy, column)))
                    | {
                        "best": strategy in marked.best.get(column, ()),
                        "better": strategy in marked.better.get(column, ()),
                        "trivial": part.trivial.get(measure),
                        "optimizer": optimizer,
                        "learning_rate": rate,
                        "configurations": None if optimizer is None else tried,
                    }
                )
        return pd.DataFrame(rows)

    def _published(self, cell: Cell, number: Number | None, verdict: "Beside | None") -> dict[str, Any]:
        """A row's columns about the published number beside its cell."""
        from mtlray.analysis.kinds.beside import intervals

        both = intervals(cell, number, self.against.assumed_runs) if self.against and number else None
        (low, high), (published_low, published_high) = both or ((None, None), (None, None))
        return {
            "published_mean": number and number.mean,
            "published_spread": number and number.spread,
            "published_derived": number and number.derived,
            "interval_low": low,
            "interval_high": high,
            "published_low": published_low,
            "published_high": published_high,
            "beside": verdict and verdict.word,
            "margin": verdict and verdict.margin,
        }

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        return self.render("html")

    def render(self, format: str = "text", *, width: int = text.WIDTH) -> str:
        """The table in one of FORMATS, without a newline at the end; text in lines of `width` characters.

        Raises SpecError for an unknown format.
        """
        _check(format)
        if format == "csv":
            return delimited.render(self.frame()).rstrip("\n")
        name = str(self.results.sweep.get("name") or self.results.ledger.sweep)
        return "\n\n\n".join(
            _rendered(one, format, width, f"{name}-{self.kind}{f'-{i + 1}' if i else ''}")
            for i, one in enumerate(self.laid_out)
        )

    @functools.cached_property
    def laid_out(self) -> Sequence[Sheet | Listing]:
        """The table of each data set (of kind `compare`, with each baseline) in words, before it takes a format."""
        if self.kind != "cells":
            return [listing for _, listing in self._parts]
        return [sheet(self.results, self.selection, part, self.against, whole=self.whole) for part in self.grids]

    @functools.cached_property
    def _parts(self) -> "list[Part]":
        from mtlray.analysis.kinds.parts import parts  # which the cells do not wait for

        return parts(self.kind, self.results, self.selection, self.grids, self.baseline)


def tabulate(results: Results, options: TableOptions = CELLS) -> Table:
    """The table of a sweep that `options` describe.

    Raises SpecError for an unknown rule, metric or published table. Raises ResultsError where the sweep plans no trial, where the
    published table is about none of its data sets, and as `mtlray.analysis.grid.cells.grid` does.
    """
    if options.by or options.across or options.where is not None:
        results = arranged(results, by=options.by, across=options.across, where=options.where)
    results = only(tuned(results, options.rates), options.metrics)
    # The price of selection is of both splits; its grid is made by the one that is always there.
    selected = rule("best_test") if options.kind == "selection" else rule_of(options.select, results.sweep)
    beside = None if options.against is None else beside_of(options.against, results)
    if not results.datasets:
        raise ResultsError("A table should have at least one trial. The sweep plans none.")
    if beside is not None and not any(map(beside.covers, results.datasets)):
        raise ResultsError(
            f"{beside.name} should be about a data set of this sweep. It is about {beside.dataset}; the sweep has "
            f"{', '.join(results.datasets)}. Leave --against out, or name another table."
        )
    grids = tuple(grid(results, selected, dataset) for dataset in results.datasets)
    return Table(
        kind=options.kind,
        results=results,
        selection=selected,
        grids=grids,
        against=beside,
        baseline=options.baseline,
        whole=options.metrics is not None,
    )


def render_table(
    results: Sources,
    options: TableOptions = CELLS,
    *,
    format: str = "text",
    width: int = text.WIDTH,
) -> str:
    """Load a results folder, or several, and render their table: `load_table` and `Table.render`. Raises what they raise."""
    _check(format)
    return load_table(results, options).render(format, width=width)


def load_table(results: Sources, options: TableOptions = CELLS) -> Table:
    """Load a results folder, or several, reading no more than a table needs, and tabulate it. Raises what these raise."""
    return tabulate(load_all(results, _READ), options)


def _rendered(one: Sheet | Listing, format: str, width: int, label: str) -> str:
    """A table in one of the FORMATS that have a layout; `label` is what a document may refer to it by."""
    if format == "text":
        return text.render(one, width)
    if format == "latex":
        return latex.render(one, label)
    return html.render(one) if format == "html" else markdown.render(one)


def _check(format: str) -> None:
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
