"""Content: what the page says, gathered from the results; every error becomes a sentence on the page."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from mtlray.analysis.figures.registry import FIGURES, figure
from mtlray.analysis.figures.scene import NothingToDraw, scene
from mtlray.analysis.grid.cells import Grid, grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.published import PublishedTable, resolve
from mtlray.analysis.grid.selection import RULES, SelectionRule
from mtlray.analysis.kinds.parts import parts
from mtlray.analysis.layout import delimited, latex, markdown
from mtlray.analysis.layout.listing import Listing
from mtlray.analysis.layout.sheet import Sheet, sheet
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

    Raises SpecError for an unknown name, ResultsError as `mtlray.analysis.grid.published.resolve` does.
    """
    if against is not None:
        return resolve(against, results.sweep.get("published"))
    name = results.sweep.get("published")
    found = resolve(name, None) if name else None
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


def section(
    results: Results,
    selected: SelectionRule,
    dataset: str,
    number: int,
    of_rules: dict[tuple[str, str], Grid | str],
    against: PublishedTable | None,
    frames: dict[str, pd.DataFrame],
) -> Section:
    """One data set's part of the page; `frames` are those of `frames`."""
    sheets: dict[str, Sheet | str] = {}
    for rule in RULES:
        found = of_rules[rule.name, dataset]
        sheets[rule.name] = found if isinstance(found, str) else sheet(results, rule, found, against)
    chosen = of_rules[selected.name, dataset]
    stem = f"{name_of(results)}.{dataset}"
    return Section(
        dataset=dataset,
        anchor=f"data-{number}",
        origin=chosen.data_origin if isinstance(chosen, Grid) else "see the reason below",
        fingerprint=fingerprints(results, dataset),
        sheets=sheets,
        csv={
            rule: download(
                f"{stem}.{rule}.csv", "CSV", delimited.render(frame[frame["dataset"] == dataset]), "text/csv"
            )
            for rule, frame in frames.items()
            if not isinstance(sheets[rule], str)
        },
        statistics=_statistics(results, selected, {rule.name: of_rules[rule.name, dataset] for rule in RULES}, stem),
        pictures=_pictures(results, selected, dataset, f"d{number}", chosen),
        protocol=protocol(results, dataset),
    )


def name_of(results: Results) -> str:
    """The name of the sweep, with which the names of files begin."""
    return str(results.sweep.get("name") or results.ledger.sweep)


def frames(
    results: Results, of_rules: dict[tuple[str, str], Grid | str], against: PublishedTable | None
) -> dict[str, pd.DataFrame]:
    """The cells of all data sets as one frame for each rule that has numbers, as `mtlray table --format csv` prints them."""
    made = {}
    for rule in RULES:
        found = [of_rules[rule.name, dataset] for dataset in results.datasets]
        parts = tuple(part for part in found if isinstance(part, Grid))
        if parts:
            made[rule.name] = Table(results=results, selection=rule, grids=parts, against=against).frame()
    return made


def downloads(results: Results, frames: dict[str, pd.DataFrame], sections: Sequence[Section]) -> list[Download]:
    """The tables of all data sets under each rule that has numbers, as CSV, LaTeX and Markdown."""
    name, files = name_of(results), []
    for rule, frame in frames.items():
        sheets = [found for part in sections if not isinstance(found := part.sheets[rule], str)]
        for ending, label, kind, text in (
            ("csv", "CSV", "text/csv", delimited.render(frame)),
            ("tex", "LaTeX", "text/x-tex", "\n\n\n".join(map(latex.render, sheets)) + "\n"),
            ("md", "Markdown", "text/markdown", "\n\n\n".join(map(markdown.render, sheets)) + "\n"),
        ):
            files.append(download(f"{name}.{rule}.{ending}", label, text, kind, rule))
    return files


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
        try:
            made = parts(kind, results, rule, (part,), None)
        except MtlrayError as error:
            found.append(Statistic(title=title, rule=own, listings=(), refusal=str(error)))
            continue
        frame = pd.concat([pd.DataFrame(rows) for rows, _ in made], ignore_index=True)
        filename = ".".join([stem, *filter(None, [own]), kind, "csv"])
        found.append(
            Statistic(
                title=title,
                rule=own,
                listings=tuple(listing for _, listing in made),
                download=download(filename, "CSV", delimited.render(frame), "text/csv"),
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
