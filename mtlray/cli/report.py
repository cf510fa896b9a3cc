"""Commands that show results: report and figures."""

from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.options import RESULTS, Fractions, Rates, Results, Seeds, Steps, Strategies, source_of

_Source = Annotated[str, typer.Argument(metavar="RESULTS", help="A sweep's results folder, or its sweep file.")]
_Select = Annotated[str | None, typer.Option("--select", help="best_val, best_test, last or mean_last_10.")]
_SeveralRates = Annotated[
    str | None, typer.Option("--rates", help="Several learning rates: best on validation, or all. Default: best.")
]


@app.command()
def report(
    source: _Source,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    select: _Select = None,
    rates: _SeveralRates = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Published numbers to show beside; default: those the sweep names.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path("report.html"),
) -> None:
    """One HTML page: tables, figures, failures, provenance, downloads. It needs no network."""
    from analysis.report import render_report

    folder, trials = source_of(source, "report", results, seeds, strategies, fractions, learning_rates, steps)
    page = render_report(folder, trials=trials, select=select, against=against, rates=rates)
    out.write_text(page, encoding="utf-8")
    print(f"report    {out}")


@app.command()
def figures(
    source: _Source,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    select: _Select = None,
    rates: _SeveralRates = None,
    only: Annotated[str | None, typer.Option("--only", help="Only these figures: learning,weights.")] = None,
    formats: Annotated[str, typer.Option("--formats", help="png, pdf and svg, with commas between.")] = "png,pdf",
    out: Annotated[Path, typer.Option("--out", help="The folder to write to.")] = Path("figures"),
) -> None:
    """Figures of a sweep as files: learning curves, ranks, weights and more."""
    from analysis.figures import save
    from analysis.load import load

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
