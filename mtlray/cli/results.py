"""Commands on results: logs, merge, and those of mtlray.analysis, which here take a sweep file as well as a folder."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from mtlray.analysis.app import COMMANDS
from mtlray.analysis.sources import Source
from mtlray.cli.app import app
from mtlray.cli.arguments import RESULTS, Narrowing, Results, ledger_at, open_sweep
from mtlray.cli.options import only, with_options
from mtlray.cli.places import named
from mtlray.errors import SpecError


def _of_a_sweep(command: Callable[..., None]) -> Callable[..., None]:
    """The command with a sweep file, and what narrows it, in the place of its results folder, or of each of several."""
    argument, *others = inspect.signature(command).parameters.values()
    several = argument.name == "sources"

    def mounted(
        source: Annotated[str, typer.Argument(metavar="RESULTS", help="A sweep's results folder, or its sweep file.")],
        *,
        results: Results = RESULTS,
        narrowing: Annotated[Narrowing, only("seeds", "strategies", "fractions", "learning_rates", "steps")],
        **options: Any,
    ) -> None:
        command(_source(source, command.__name__, results, narrowing), **options)

    def mounted_for_several(
        sources: Annotated[
            list[str],
            typer.Argument(
                metavar="RESULTS...",
                help="A sweep's results folder, or its sweep file; several are compared, strategy by strategy.",
            ),
        ],
        *,
        results: Results = RESULTS,
        narrowing: Annotated[Narrowing, only("seeds", "strategies", "fractions", "learning_rates", "steps")],
        **options: Any,
    ) -> None:
        command([_source(one, command.__name__, results, narrowing) for one in sources], **options)

    chosen: Any = mounted_for_several if several else mounted
    ours = list(inspect.signature(chosen).parameters.values())[:-1]
    keyword = inspect.Parameter.KEYWORD_ONLY
    functools.update_wrapper(chosen, command)
    chosen.__signature__ = inspect.Signature([*ours, *(p.replace(kind=keyword) for p in others)])
    return cast(Callable[..., None], chosen)


def _source(source: str, command: str, results: str, narrowing: Narrowing) -> Source:
    """The results folder, and the trials that its sweep file plans. Raises SpecError for options that need the file."""
    if source.endswith(".py"):
        opened = open_sweep(Path(source), results, narrowing)
        description = opened.description()
        return Source(opened.folder, description["trials"], description["fields"])
    if narrowing.given():
        raise SpecError(
            f"Options that narrow a sweep need its sweep file: `mtlray {command} SWEEP.py --seeds 0:3`. A results folder takes "
            "--where 'seed < 3'."
        )
    return Source(named("RESULTS", source))


for _command in COMMANDS:
    app.command()(with_options(_of_a_sweep(_command)))


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
    from mtlray.results.folders.trial_log import TrialLog, started_trial

    ledger = ledger_at(source, results)
    log = TrialLog(ledger, started_trial(ledger, trial))
    try:
        for line in log.lines(follow=follow):
            print(line, flush=True)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
@with_options
def merge(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A sweep's results folder, which stays as it is.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="Another results folder of the same sweep.")],
) -> None:
    """Copy the finished trials of one results folder into another. A trial in both must have the same numbers."""
    from mtlray.results.folders import merging
    from mtlray.results.folders.opening import ledger_of

    ledgers = ledger_of(named("FROM", source)), ledger_of(named("INTO", into))
    print(merging.as_text(merging.merge(*ledgers), *ledgers))
