"""Content: what the page says, gathered from the results; every error becomes a sentence on the page."""

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from mtlray.analysis.figures.registry import FIGURES, figure
from mtlray.analysis.figures.scene import NothingToDraw, scene
from mtlray.analysis.grid.cells import Grid, grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.own_numbers import beside
from mtlray.analysis.grid.published import resolve
from mtlray.analysis.grid.published_tables.base import PublishedTable
from mtlray.analysis.grid.selection import RULES, SelectionRule
from mtlray.analysis.layout import delimited
from mtlray.analysis.layout.entries import Sheet
from mtlray.analysis.layout.listing import Listing
from mtlray.analysis.report.collecting import uncollected
from mtlray.analysis.report.download import Download, download
from mtlray.analysis.report.pictures import inline
from mtlray.analysis.report.protocol import Facts, fingerprints, protocol
from mtlray.analysis.tables import Table
from mtlray.errors import MtlrayError


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Picture:
    """A figure on the page, or the reason why there is none."""

    name: str
    title: str
    svg: Markup | None
    caption: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Statistic:
    """A table of one line a strategy under one rule ("" for all rules alike), or why there is none."""

    title: str
    rule: str
    listings: tuple[Listing, ...]
    download: Download | None = None
    refusal: str = ""
    open: bool = False


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Section:
    """One data set: its table under each rule (or why there is none), also as CSV, its figures and its protocol."""

    dataset: str
    anchor: str
    origin: str
    fingerprint: str
    sheets: dict[str, Sheet | str]
    csv: dict[str, Download]
    statistics: tuple[Statistic, ...]
    pictures: tuple[Picture, ...]
    protocol: Facts


def published_table(results: Results, against: str | None) -> PublishedTable | None:
    """The published numbers beside ours: those asked for, else those the sweep names, if they are about its data.

    Raises what `mtlray.analysis.grid.own_numbers.beside` does.
    """
    if against is not None:
        return beside(against, results)
    name = results.sweep.get("published")
    found = resolve(name, None, results.datasets) if name else None
    return found if found is not None and any(map(found.covers, results.datasets)) else None


def grids(results: Results) -> dict[tuple[str, str], Grid | str]:
    """The grid of each (rule, data set), or why there is none."""
    found: dict[tuple[str, str], Grid | str] = {}
    for rule in RULES:
        for dataset in results.datasets:
            try:
                found[rule.name, dataset] = grid(results, rule, dataset)
            except MtlrayError as error:
                found[rule.name, dataset] = str(error)
    return found


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cells:
    """The cells of all data sets that have numbers under a rule: the table, its frame, and each data set's sheet."""

    table: Table
    frame: pd.DataFrame
    sheets: dict[str, Sheet]


def cells(
    results: Results, of_rules: dict[tuple[str, str], Grid | str], against: PublishedTable | None
) -> dict[str, Cells]:
    """The cells under each rule that has numbers."""
    made = {}
    for rule in RULES:
        found = [of_rules[rule.name, dataset] for dataset in results.datasets]
        if parts := tuple(part for part in found if isinstance(part, Grid)):
            table = Table(results=results, selection=rule, grids=parts, against=against)
            sheets = {
                part.dataset: one for part, one in zip(parts, table.laid_out, strict=True) if isinstance(one, Sheet)
            }
            made[rule.name] = Cells(table=table, frame=table.frame(), sheets=sheets)
    return made


def section(
    results: Results,
    selected: SelectionRule,
    number: int,
    of_rules: dict[tuple[str, str], Grid | str],
    made: dict[str, Cells],
) -> Section:
    """The part of the page about a data set, the `number`-th; `made` are its `cells`."""
    dataset = results.datasets[number]
    grids = {rule.name: of_rules[rule.name, dataset] for rule in RULES}
    chosen = grids[selected.name]
    stem = f"{name_of(results)}.{dataset}"
    return Section(
        dataset=dataset,
        anchor=f"data-{number}",
        origin=chosen.data_origin if isinstance(chosen, Grid) else "see the reason below",
        fingerprint=fingerprints(results, dataset),
        sheets={rule: found if isinstance(found, str) else made[rule].sheets[dataset] for rule, found in grids.items()},
        csv={
            rule: download(f"{stem}.{rule}.csv", "CSV", delimited.render(_of(made[rule].frame, dataset)), "text/csv")
            for rule, found in grids.items()
            if not isinstance(found, str)
        },
        statistics=_statistics(results, selected, grids, stem),
        pictures=_pictures(results, selected, dataset, f"d{number}", chosen),
        protocol=protocol(results, dataset),
    )


def name_of(results: Results) -> str:
    """The name of the sweep, with which the names of files begin."""
    return str(results.sweep.get("name") or results.ledger.sweep)


def downloads(results: Results, made: dict[str, Cells]) -> list[Download]:
    """The cells of all data sets under each rule that has numbers, as CSV, LaTeX and Markdown."""
    name, files = name_of(results), []
    for rule, of_rule in made.items():
        for ending, label, kind, text in (
            ("csv", "CSV", "text/csv", delimited.render(of_rule.frame)),
            ("tex", "LaTeX", "text/x-tex", of_rule.table.render("latex") + "\n"),
            ("md", "Markdown", "text/markdown", of_rule.table.render("markdown") + "\n"),
        ):
            files.append(download(f"{name}.{rule}.{ending}", label, text, kind, rule))
    return files


def _of(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The rows of a data set."""
    return frame[frame["dataset"] == dataset]


def _statistics(
    results: Results, selected: SelectionRule, of_rules: dict[str, Grid | str], stem: str
) -> tuple[Statistic, ...]:
    """The leaderboard under each rule; the rest, which takes longer to compute, under the rule of the page."""
    wanted = [("leaderboard", "Leaderboard", rule) for rule in RULES]
    wanted += [("compare", "Comparison with single-task and equal", selected), ("cost", "Cost", selected)]
    wanted += [("selection", "Price of selecting on the test split", selected)]
    found = []
    for kind, title, rule in wanted:
        part = of_rules[rule.name]
        own = rule.name if kind == "leaderboard" else ""
        if isinstance(part, str):
            continue  # the refusal stands in the place of the table of cells
        table = Table(kind=kind, results=results, selection=rule, grids=(part,), against=None)
        try:
            listings = tuple(one for one in table.laid_out if isinstance(one, Listing))
        except MtlrayError as error:
            found.append(Statistic(title=title, rule=own, listings=(), refusal=str(error)))
            continue
        filename = ".".join([stem, *filter(None, [own]), kind, "csv"])
        found.append(
            Statistic(
                title=title,
                rule=own,
                listings=listings,
                download=download(filename, "CSV", delimited.render(table.frame()), "text/csv"),
                open=kind == "leaderboard",
            )
        )
    return tuple(found)


def _pictures(
    results: Results, selected: SelectionRule, dataset: str, prefix: str, chosen: Grid | str
) -> tuple[Picture, ...]:
    if isinstance(chosen, str):
        return ()
    part = scene(results, selected, dataset)
    pictures = []
    for kind in (kind for kind in FIGURES if not kind.takes_long):
        try:
            with uncollected():
                drawing = figure(kind.name, part)
                svg = inline(drawing.figure, f"{prefix}-{kind.name}", f"{kind.title}, {dataset}")
        except NothingToDraw as error:
            pictures.append(Picture(name=kind.name, title=kind.title, svg=None, caption=f"Not drawn: {error}."))
            continue
        pictures.append(Picture(name=kind.name, title=kind.title, svg=svg, caption=drawing.caption))
    return tuple(pictures)
