"""Commands on a sweep: plan, run, status, retry, compact."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.options import (
    DATA,
    RESULTS,
    ActivationCheckpointing,
    Data,
    DataFrom,
    Device,
    Fractions,
    GpusPerTrial,
    PackSize,
    Rates,
    Results,
    Seeds,
    Steps,
    Strategies,
    SweepFile,
    Workers,
    data_folder,
    named,
    number_or_auto,
    open_sweep,
    place,
)
from mtlray.errors import require


@app.command()
def plan(
    sweep: SweepFile,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    workers: Workers = None,
    why: Annotated[bool, typer.Option("--why", help="Also why: the field that makes a trial new.")] = False,
) -> None:
    """What would run: cells done, to run and failed, device time and disk. Starts nothing and writes nothing."""
    require(workers is None or workers >= 1, "workers", "be at least 1", workers)
    opened = open_sweep(sweep, results, seeds, strategies, fractions, learning_rates, steps)
    print(opened.plan_text(workers, why=why))


@app.command()
def run(
    sweep: SweepFile,
    results: Results = RESULTS,
    data: Data = DATA,
    data_from: DataFrom = None,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    workers: Workers = None,
    device: Device = "auto",
    kernel: Annotated[
        str, typer.Option("--kernel", help="Small convolutions on a CPU: fused, torch or auto.")
    ] = "auto",
    pack_size: PackSize = "1",
    gpus_per_trial: GpusPerTrial = "1",
    activation_checkpointing: ActivationCheckpointing = False,
    address: Annotated[str | None, typer.Option("--address", help="A running Ray cluster: auto, or host:port.")] = None,
    wait_seconds: Annotated[
        float, typer.Option("--wait-seconds", help="With --address: time for a node to come that can run a trial.")
    ] = 0.0,
    in_process: Annotated[bool, typer.Option("--in-process", help="Without Ray, one trial after the other.")] = False,
    checkpoint_seconds: Annotated[float, typer.Option("--checkpoint-seconds", help="Time between checkpoints.")] = 30.0,
    hang_seconds: Annotated[
        float,
        typer.Option("--hang-seconds", help="Kill and start again a trial without progress for so long; 0: never."),
    ] = 3600.0,
    max_failed: Annotated[int | None, typer.Option("--max-failed", help="Stop after this many failed trials.")] = None,
    grace_seconds: Annotated[
        float, typer.Option("--grace-seconds", help="After SIGTERM, time for running trials to save a checkpoint.")
    ] = 20.0,
    tensorboard: Annotated[
        str | None, typer.Option("--tensorboard", help="Also write the curves here, for TensorBoard, while trials run.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before starting.")] = False,
) -> None:
    """Plan, then run what is missing. The same line again resumes, and runs what was added to the sweep file.

    Exit codes: 0 complete, 1 failed trials, 2 cannot start, 3 stopped with trials left, 75 the same by SIGTERM: run it again.
    """
    from mtlray.launch import launch
    from mtlray.running.policy import INCOMPLETE, Policy
    from mtlray.specs import RunConfig

    policy = Policy(max_failed=max_failed, hang_seconds=hang_seconds, grace_seconds=grace_seconds)
    opened = open_sweep(sweep, results, seeds, strategies, fractions, learning_rates, steps)
    config = RunConfig(
        data=str(data_folder(data)),
        results=opened.results,
        device=device,  # type: ignore[arg-type]  # checked by RunConfig
        workers=workers,
        pack_size=number_or_auto("pack-size", pack_size, int),
        gpus_per_trial=number_or_auto("gpus-per-trial", gpus_per_trial, float),
        kernel=kernel,  # type: ignore[arg-type]  # likewise
        activation_checkpointing=activation_checkpointing,
        checkpoint_seconds=checkpoint_seconds,
        wait_seconds=wait_seconds,
        data_from=None if data_from is None else place("data-from", data_from),
        tensorboard=None
        if tensorboard is None
        else str(Path(named("tensorboard", tensorboard)).expanduser().absolute()),
    )
    ask = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        code = launch(
            opened,
            config,
            policy=policy,
            address=address,
            in_process=in_process,
            confirm=_confirm if ask else lambda: True,
        )
    except (KeyboardInterrupt, typer.Abort):  # at the question, or before trials run; from then on Ctrl-C is `Stop`'s
        print("\nNothing more was started; the same command goes on.", file=sys.stderr)
        code = INCOMPLETE
    if code:
        raise typer.Exit(code)


def _confirm() -> bool:
    return typer.confirm("Start?", default=True)


@app.command()
def status(
    sweep: SweepFile,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """How far a sweep is, by axis. Changes nothing."""
    opened = open_sweep(sweep, results, seeds, strategies, fractions, learning_rates, steps)
    print(opened.status_json() if json else opened.status_text())


@app.command()
def retry(
    sweep: SweepFile,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
) -> None:
    """Let failed trials run again at the next `mtlray run`."""
    print(open_sweep(sweep, results, seeds, strategies, fractions, learning_rates, steps).retry())


@app.command()
def compact(sweep: SweepFile, results: Results = RESULTS) -> None:
    """Merge the small files of finished trials into one for each data set."""
    print(open_sweep(sweep, results).compact())
