"""The command line: the same verbs on a laptop and on a cluster. Nothing heavy is imported before a command runs."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtlray import __version__
from mtlray.errors import MtlrayError, SpecError, require

if TYPE_CHECKING:
    from mtlray.driver import Sweep

app = typer.Typer(
    help="From a sweep file to a trustworthy mean±std table of multi-task learning strategies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="The data sets: what is here, how to get it, whether it is whole.", no_args_is_help=True)
app.add_typer(data_app, name="data")

SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="A Python file that defines SWEEP.")]
Results = Annotated[
    str, typer.Option("--results", envvar="MTLRAY_RESULTS", help="Where results go: a folder, or a URI such as s3://…")
]
Data = Annotated[
    str, typer.Option("--data", envvar="MTLRAY_DATA", help="Where data lies.", show_default="~/.cache/mtlray")
]
Seeds = Annotated[str | None, typer.Option("--seeds", help="Only these seeds: 0:3 or 0,2,5.")]
Strategies = Annotated[str | None, typer.Option("--strategies", help="Only these strategies: stl,equal.")]
Fractions = Annotated[str | None, typer.Option("--fractions", help="Only these data fractions: 1,0.25.")]
Steps = Annotated[int | None, typer.Option("--steps", help="Another number of steps for every trial.")]
RESULTS = "results"
DATA = str(Path("~/.cache/mtlray").expanduser())


def main() -> None:
    """Run the command line; an error that is the user's to mend is one paragraph and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # Tables hold a ±, which a terminal set to ASCII would refuse with a traceback.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    try:
        app()
    except (MtlrayError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


def _version(value: bool) -> bool:
    if value:
        print(f"mtlray {__version__}")
        raise typer.Exit
    return value


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version


def _open(
    path: Path, results: str, seeds: str | None, strategies: str | None, fractions: str | None, steps: int | None
) -> "Sweep":
    from mtlray.driver import Sweep
    from mtlray.sweepfile import load_sweep

    sweep, module = load_sweep(path)
    if sweep.published is not None:
        from analysis.published import describe

        describe(sweep.published)
    narrowed = sweep.narrowed(
        seeds=_seeds(seeds) if seeds is not None else None,
        strategies=re.split(r",(?![^(]*\))", strategies) if strategies is not None else None,
        fractions=_numbers("fractions", fractions) if fractions is not None else None,
        steps=steps,
    )
    options = (seeds, strategies, fractions, steps)
    return Sweep(narrowed, module, path, results, narrowed=any(option is not None for option in options))


def _seeds(text: str) -> list[int]:
    try:
        if ":" in text:
            first, last = text.split(":")
            return list(range(int(first or 0), int(last)))
        return [int(entry) for entry in text.split(",")]
    except ValueError:
        raise SpecError(f"Option --seeds should look like 0:3 or 0,2,5. Found `{text}`.") from None


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(entry) for entry in text.split(",")]
    except ValueError:
        raise SpecError(f"Option --{option} should be numbers with commas between them. Found `{text}`.") from None


@app.command()
def plan(
    sweep: SweepFile,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    steps: Steps = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Trials at once; default: one for each core.")
    ] = None,
) -> None:
    """What would run: cells done, to run and failed, device time and disk. Starts nothing and writes nothing."""
    require(workers is None or workers >= 1, "workers", "be at least 1", workers)
    opened = _open(sweep, results, seeds, strategies, fractions, steps)
    print(opened.plan_text(workers))


@app.command()
def run(
    sweep: SweepFile,
    results: Results = RESULTS,
    data: Data = DATA,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    steps: Steps = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Trials at once; default: one for each core.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or auto.")] = "auto",
    address: Annotated[str | None, typer.Option("--address", help="A running Ray cluster: auto, or host:port.")] = None,
    in_process: Annotated[bool, typer.Option("--in-process", help="Without Ray, one trial after the other.")] = False,
    checkpoint_seconds: Annotated[float, typer.Option("--checkpoint-seconds", help="Time between checkpoints.")] = 30.0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before starting.")] = False,
) -> None:
    """Plan, then run what is missing. The same line again resumes, and runs what was added to the sweep file."""
    from mtlray.specs import RunConfig

    opened = _open(sweep, results, seeds, strategies, fractions, steps)
    config = RunConfig(
        data=str(Path(data).expanduser().absolute()),
        results=opened.results,
        device=device,  # type: ignore[arg-type]  # checked by RunConfig
        workers=workers,
        checkpoint_seconds=checkpoint_seconds,
    )
    ask = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    code = opened.run(config, address=address, in_process=in_process, confirm=_confirm if ask else None)
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
    steps: Steps = None,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """How far a sweep is, by axis. Changes nothing."""
    opened = _open(sweep, results, seeds, strategies, fractions, steps)
    print(opened.status_json() if json else opened.status_text())


@app.command()
def retry(
    sweep: SweepFile,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    steps: Steps = None,
) -> None:
    """Let failed trials run again at the next `mtlray run`."""
    print(_open(sweep, results, seeds, strategies, fractions, steps).retry())


@app.command()
def compact(sweep: SweepFile, results: Results = RESULTS) -> None:
    """Merge the small files of finished trials into one for each data set."""
    print(_open(sweep, results, None, None, None, None).compact())


@app.command()
def table(
    source: Annotated[str, typer.Argument(metavar="RESULTS", help="A sweep's results folder, or its sweep file.")],
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    steps: Steps = None,
    select: Annotated[str | None, typer.Option("--select", help="best_val, best_test, last or mean_last_10.")] = None,
    format: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv.")] = "text",
    against: Annotated[
        str | None, typer.Option("--against", help="Published numbers to show beside: gong2019.")
    ] = None,
) -> None:
    """Mean±std (n) for each cell, under a named selection rule."""
    from analysis.tables import render_table

    trials: list[dict[str, Any]] | None = None
    folder = source
    if source.endswith(".py"):
        opened = _open(Path(source), results, seeds, strategies, fractions, steps)
        folder, trials = opened.folder, opened.description()["trials"]
    elif any(option is not None for option in (seeds, strategies, fractions, steps)):
        raise SpecError("Options that narrow a sweep need its sweep file: `mtlray table SWEEP.py --seeds 0:3`.")
    print(render_table(folder, trials=trials, select=select, format=format, against=against))


@app.command()
def strategies() -> None:
    """Every strategy: its key, its kind, what a step costs in backward passes, its source."""
    from mtlray.strategies import STRATEGIES

    line = "{:<20}  {:<18}  {:<14}  {:<10}  {}"
    print(line.format("key", "class", "kind", "backwards", "source"))
    for strategy in STRATEGIES:
        print(line.format(strategy.key, strategy.__name__, strategy.kind, strategy.backward_passes, strategy.source))


@app.command()
def doctor(results: Results = RESULTS, data: Data = DATA) -> None:
    """What is wrong here, and how to mend it."""
    from mtlray.doctor import diagnose

    checks = diagnose(results, data)
    for check in checks:
        print(
            f"{'ok  ' if check.ok else 'MEND'}  {check.what}: {check.found}"
            + ("" if check.ok else f" -> {check.remedy}")
        )
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@data_app.command("list")
def data_list(data: Data = DATA) -> None:
    """Each source: what it is, size, terms, where to get it, whether it is here."""
    from mtlray.data.sources import describe_sources

    print(describe_sources(Path(data).expanduser()))


@data_app.command("prepare")
def data_prepare(name: Annotated[str, typer.Argument(metavar="NAME")], data: Data = DATA) -> None:
    """Fetch a source and make the default arrays from it; sweeps do so by themselves."""
    from mtlray.data.sources import prepare_source

    print(prepare_source(name, Path(data).expanduser()))


@data_app.command("import")
def data_import(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER")],
    data: Data = DATA,
) -> None:
    """Take a source from files that you have."""
    from mtlray.data.sources import import_source

    print(import_source(name, folder, Path(data).expanduser()))


@data_app.command("verify")
def data_verify(name: Annotated[str, typer.Argument(metavar="NAME")], data: Data = DATA) -> None:
    """Compare a source's files, and all arrays made from it, with their checksums."""
    from mtlray.data.sources import verify_source

    print(verify_source(name, Path(data).expanduser()))
