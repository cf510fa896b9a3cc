"""The command that joins the results of two folders: merge."""

from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.options import with_options
from mtlray.cli.places import named


@app.command()
@with_options
def merge(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A sweep's results folder, which stays as it is.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="Another results folder of the same sweep.")],
) -> None:
    """Copy the finished trials of one results folder into another. A trial in both must have the same numbers."""
    from mtlray.results.merging import as_text
    from mtlray.results.merging import merge as merge_results
    from mtlray.results.opening import ledger_of

    ledgers = ledger_of(named("FROM", source)), ledger_of(named("INTO", into))
    print(as_text(merge_results(*ledgers), *ledgers))
