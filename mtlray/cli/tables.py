"""Commands on results: table."""

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


@app.command()
def table(
    source: Source,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    kind: Annotated[str, typer.Option("--kind", help="cells, leaderboard, compare, cost or selection.")] = "cells",
    select: Select = None,
    format: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv.")] = "text",
    metrics: Annotated[
        str | None, typer.Option("--metrics", help="Only these metrics: accuracy, or '*_global'. Default: all.")
    ] = None,
    rates: SeveralRates = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Published numbers to show beside: gong2019.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Strategy to compare with. Default: single-task, then equal.")
    ] = None,
) -> None:
    """Mean±std (n) for each cell, under a named selection rule."""
    from mtlray.analysis.tables import render_table

    folder, trials = source_of(source, "table", results, seeds, strategies, fractions, learning_rates, steps)
    print(
        render_table(
            folder,
            trials=trials,
            kind=kind,
            select=select,
            format=format,
            against=against,
            baseline=baseline,
            rates=rates,
            metrics=metrics,
        )
    )
