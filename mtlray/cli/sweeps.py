"""Commands on a sweep: plan, run, status, retry, adopt, compact, prune."""

import dataclasses
import sys
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.arguments import RESULTS, Narrowing, Results, SweepFile, open_sweep
from mtlray.cli.options import only, with_options
from mtlray.results.part import Part
from mtlray.running.policy import Policy
from mtlray.running.signals import Stop
from mtlray.specs.run_config import RunConfig

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
@with_options
def plan(
    sweep: SweepFile,
    *,
    results: Results = RESULTS,
    narrowing: Narrowing,
    config: Annotated[RunConfig, only("workers")],
    why: Annotated[
        bool, typer.Option("--why", help="Also say why each trial is to run: the field that makes it new.")
    ] = False,
) -> None:
    """Show what would run: cells done, to run and failed, with device time and disk. Starts and writes nothing."""
    print(open_sweep(sweep, results, narrowing).plan_text(config.workers, why=why))


@app.command()
@with_options
def run(
    sweep: SweepFile,
    *,
    results: Results = RESULTS,
    narrowing: Narrowing,
    config: RunConfig,
    policy: Policy,
    address: Annotated[
        str | None, typer.Option("--address", help="Use this running Ray cluster: auto, or host:port.")
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run without Ray, one trial after the other.")
    ] = False,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Run the I-th of N parts of the grid alone, so that N jobs share a sweep and its results folder.",
        ),
    ] = "1/1",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking.")] = False,
) -> None:
    """Plan, then run what is missing. Run the same command again to continue, and to run what was added to the sweep file.

    Exit codes: 0 complete; 1 failed trials; 2 cannot start; 3 stopped with trials left; 75 stopped by SIGTERM, SIGUSR1 or SIGHUP
    with trials left: run the same command again.
    """
    stop = Stop(policy.grace_seconds)
    ask = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    with stop.listening():  # from here on, for what follows takes seconds to import and more to prepare
        try:
            from mtlray.launch import launch

            opened = open_sweep(sweep, results, narrowing, Part.read(shard, by_cell=config.pack_size != 1))
            code = launch(
                opened,
                dataclasses.replace(config, results=opened.results),
                policy=policy,
                address=address,
                in_process=in_process,
                confirm=_confirm if ask else lambda: True,
                stop=stop,
            )
        except (KeyboardInterrupt, typer.Abort):  # at the question, or before trials run
            print("\nNothing more was started. Run the same command again to continue.", file=sys.stderr)
            code = stop.code
    if code:
        raise typer.Exit(code)


def _confirm() -> bool:
    return typer.confirm("Start?", default=True)


@app.command()
@with_options
def status(sweep: SweepFile, *, results: Results = RESULTS, narrowing: Narrowing, json: AsJson = False) -> None:
    """Show how far a sweep is, by axis. Changes nothing."""
    opened = open_sweep(sweep, results, narrowing)
    print(opened.status_json() if json else opened.status_text())


@app.command()
@with_options
def retry(sweep: SweepFile, *, results: Results = RESULTS, narrowing: Narrowing) -> None:
    """Let failed trials run again at the next `mtlray run`."""
    print(open_sweep(sweep, results, narrowing).retry())


@app.command()
@with_options
def adopt(
    sweep: SweepFile,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why the edit changes no number. Every table prints it.")],
    results: Results = RESULTS,
    narrowing: Narrowing,
    config: Annotated[RunConfig, only("data", "data_from")],
    code: Annotated[
        str,
        typer.Option("--code", help="Of several earlier texts, those with these digests of code: 0a1b2c3d,4e5f6a7b."),
    ] = "",
) -> None:
    """Keep finished trials of an earlier text of the sweep file, where its specs differ in the digests of your code alone."""
    from mtlray.running.adopting import present_fingerprint

    opened = open_sweep(sweep, results, narrowing)
    print(opened.adopt(reason, lambda dataset: present_fingerprint(dataset, config), code.split(",") if code else ()))


@app.command()
@with_options
def compact(sweep: SweepFile, results: Results = RESULTS) -> None:
    """Merge the small files of finished trials into one per data set."""
    print(open_sweep(sweep, results).compact())


@app.command()
@with_options
def prune(
    sweep: SweepFile,
    results: Results = RESULTS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove them.")] = False,
) -> None:
    """List trials in the results folder that no text of the sweep names any more; with --yes, remove them for good."""
    opened = open_sweep(sweep, results)
    listed = opened.prunable()
    print(listed.text(opened.folder))
    if listed.ids:
        print(opened.prune(listed) if yes else "Add --yes to remove them.")
