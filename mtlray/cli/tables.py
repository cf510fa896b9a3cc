"""Commands on results: table."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mtlray.cli.app import app
from mtlray.cli.options import RESULTS, Fractions, Rates, Results, Seeds, Steps, Strategies, open_sweep
from mtlray.errors import SpecError


@app.command()
def table(
    source: Annotated[str, typer.Argument(metavar="RESULTS", help="A sweep's results folder, or its sweep file.")],
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    kind: Annotated[str, typer.Option("--kind", help="cells, leaderboard, compare, cost or selection.")] = "cells",
    select: Annotated[str | None, typer.Option("--select", help="best_val, best_test, last or mean_last_10.")] = None,
    format: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv.")] = "text",
    rates: Annotated[
        str | None, typer.Option("--rates", help="Several learning rates: best on validation, or all. Default: best.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Published numbers to show beside: gong2019.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Strategy to compare with. Default: single-task, then equal.")
    ] = None,
) -> None:
    """Mean±std (n) for each cell, under a named selection rule."""
    from analysis.tables import render_table

    trials: list[dict[str, Any]] | None = None
    folder = source
    if source.endswith(".py"):
        opened = open_sweep(Path(source), results, seeds, strategies, fractions, learning_rates, steps)
        folder, trials = opened.folder, opened.description()["trials"]
    elif any(option is not None for option in (seeds, strategies, fractions, learning_rates, steps)):
        raise SpecError("Options that narrow a sweep need its sweep file: `mtlray table SWEEP.py --seeds 0:3`.")
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
        )
    )
