"""Commands that show results: report and figures."""

from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.options import (
    RESULTS,
    Fractions,
    Rates,
    Results,
    Seeds,
    Select,
    SeveralRates,
    Source,
    Steps,
    Strategies,
    source_of,
)
from mtlray.errors import SpecError


@app.command()
def report(
    source: Source,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    select: Select = None,
    rates: SeveralRates = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Published numbers to show beside; default: those the sweep names.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path("report.html"),
) -> None:
    """One HTML page: tables, figures, failures, provenance, downloads. It needs no network."""
    from mtlray.analysis.report import render_report

    folder, trials = source_of(source, "report", results, seeds, strategies, fractions, learning_rates, steps)
    page = render_report(folder, trials=trials, select=select, against=against, rates=rates)
    try:
        out.expanduser().write_text(page, encoding="utf-8")
    except OSError as error:
        raise SpecError(
            f"Option --out should name a file that can be written. Found `{out}`: {error.strerror}."
        ) from error
    print(f"report    {out}")


@app.command()
def figures(
    source: Source,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    select: Select = None,
    rates: SeveralRates = None,
    only: Annotated[str | None, typer.Option("--only", help="Only these figures: learning,weights.")] = None,
    formats: Annotated[str, typer.Option("--formats", help="png, pdf and svg, with commas between.")] = "png,pdf",
    out: Annotated[Path, typer.Option("--out", help="The folder to write to.")] = Path("figures"),
) -> None:
    """Figures of a sweep as files: learning curves, ranks, weights and more."""
    from mtlray.analysis.figures import save
    from mtlray.analysis.grid.load import load

    folder, trials = source_of(source, "figures", results, seeds, strategies, fractions, learning_rates, steps)
    lines = save(
        load(folder, trials=trials),
        out,
        names=only.split(",") if only is not None else None,
        formats=formats.split(","),
        select=select,
        rates=rates,
    )
    print("\n".join(lines))
