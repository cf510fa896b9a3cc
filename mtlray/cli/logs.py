"""The command that shows a trial's logs: logs."""

from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.arguments import RESULTS, Results, ledger_at
from mtlray.cli.options import with_options


@app.command()
@with_options
def logs(
    source: Annotated[str, typer.Argument(metavar="RESULTS", help="A sweep's results folder, or its sweep file.")],
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="A trial's id, or its first digits.")],
    *,
    results: Results = RESULTS,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Also print what is added, until the trial ends.")
    ] = False,
) -> None:
    """Print the logs of a trial: every start of it, where it ran, how it ended. Changes nothing."""
    from mtlray.results.trial_log import TrialLog, started_trial

    ledger = ledger_at(source, results)
    log = TrialLog(ledger, started_trial(ledger, trial))
    try:
        for line in log.lines(follow=follow):
            print(line, flush=True)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
