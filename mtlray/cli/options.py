"""Arguments and options that several commands share, and the sweep that they name."""

import dataclasses
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from mtlray.errors import SpecError

if TYPE_CHECKING:
    from mtlray.specs import SweepSpec
    from mtlray.sweep import Sweep

SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="A Python file that defines SWEEP.")]
Results = Annotated[
    str, typer.Option("--results", envvar="MTLRAY_RESULTS", help="Where results go: a folder, or a URI such as s3://…")
]
Data = Annotated[
    str, typer.Option("--data", envvar="MTLRAY_DATA", help="Where data lies.", show_default="~/.cache/mtlray")
]
DataFrom = Annotated[
    str | None,
    typer.Option(
        "--data-from",
        envvar="MTLRAY_DATA_FROM",
        help="Fetch prepared data that is not in --data from here: a URI such as s3://…, filled by `mtlray data push`.",
    ),
]
Seeds = Annotated[str | None, typer.Option("--seeds", help="Only these seeds: 0:3 or 0,2,5.")]
Strategies = Annotated[
    str | None, typer.Option("--strategies", help="Only these strategies: stl,equal; installed ones join.")
]
Fractions = Annotated[str | None, typer.Option("--fractions", help="Only these data fractions: 1,0.25.")]
Rates = Annotated[str | None, typer.Option("--learning-rates", help="Only these learning rates: 0.01,0.1.")]
Steps = Annotated[int | None, typer.Option("--steps", help="Another number of steps for every trial.")]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Trials at once; default: one for each core, or as GPUs allow.")
]
PackSize = Annotated[
    str,
    typer.Option(
        "--pack-size",
        metavar="<int|auto>",
        help="Seeds trained together in one process, for GPUs; a trial's numbers depend on it in rounding alone. auto: the "
        "fastest, measured before the start; 1 on a CPU, where packs are slower.",
    ),
]
GpusPerTrial = Annotated[
    str,
    typer.Option(
        "--gpus-per-trial",
        metavar="<float|auto>",
        help="Share of a GPU that each trial (or pack) takes; 0.25: four at once. auto: as many as its memory and cores allow, "
        "measured before the start.",
    ),
]
ActivationCheckpointing = Annotated[
    bool,
    typer.Option(
        "--activation-checkpointing",
        help="SegNet and VGG in less memory, with longer steps and the same numbers: the backward pass computes the trunk's "
        "stages again. Other models as without; seeds one by one.",
    ),
]
DataSource = Annotated[
    str, typer.Argument(metavar="NAME", help="A source that `mtlray data list` describes, such as mnist or nyuv2.")
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda or auto.")]
Source = Annotated[str, typer.Argument(metavar="RESULTS", help="A sweep's results folder, or its sweep file.")]
Select = Annotated[str | None, typer.Option("--select", help="best_val, best_test, last or mean_last_10.")]
SeveralRates = Annotated[
    str | None, typer.Option("--rates", help="Several learning rates: best on validation, or all. Default: best.")
]

RESULTS = "results"
DATA = str(Path("~/.cache/mtlray").expanduser())


# What begins like a URI and is none: `s3:bucket`, `file:/folder`.
_HALF_URI = re.compile(
    r"(?:[a-z][a-z0-9+.-]+:/|(?:file|s3|gs|gcs|hdfs|viewfs|abfss?|https?):)(?!/)(?!$)", re.IGNORECASE
)


def data_folder(data: str) -> Path:
    """The folder of --data. Raises SpecError for a URI, and for what `named` refuses."""
    if "://" in data:
        raise SpecError(
            f"Option --data names a folder on each machine's own disk. Found `{data}`. Prepared data that lies at a URI is "
            "fetched from there once a machine with `--data-from URI`; `mtlray data push SWEEP --to URI` puts it there."
        )
    return Path(named("data", data)).expanduser().absolute()


_Number = TypeVar("_Number", int, float)


def number_or_auto(option: str, text: str, kind: Callable[[str], _Number]) -> _Number | Literal["auto"]:
    """The value of an option that is a number or `auto`. Raises SpecError."""
    if text == "auto":
        return "auto"
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise SpecError(f"Option --{option} should be {what} or auto. Found `{text}`.") from None


def named(option: str, text: str) -> str:
    """The value of an option, or of an argument in capitals, that names a folder or a URI.

    Raises SpecError where it is empty, or the half of a URI.
    """
    what = f"Argument {option}" if option.isupper() else f"Option --{option}"
    if not text.strip():
        raise SpecError(f"{what} should name a folder. Found an empty name. Write `.` for the current folder.")
    if _HALF_URI.match(text):
        scheme, _, rest = text.partition(":")
        path = rest.lstrip("/")
        whole = f"{scheme}:///{path}" if scheme.lower() == "file" else f"{scheme}://{path}"
        raise SpecError(
            f"{what} should name a folder or a URI. Found `{text}`, which is neither: a URI has two slashes behind "
            f"the colon. Write `{whole}`, or `./{text}` for a folder of that name."
        )
    return text


def place(option: str, text: str) -> str:
    """A URI as it is; the absolute path of a folder. Raises SpecError as `named`."""
    return text if "://" in named(option, text) else str(Path(text).expanduser().absolute())


def open_sweep(
    path: Path,
    results: str,
    seeds: str | None = None,
    strategies: str | None = None,
    fractions: str | None = None,
    rates: str | None = None,
    steps: int | None = None,
) -> "Sweep":
    """The sweep of a file, narrowed by the options. Raises SpecError."""
    from mtlray.specs.sweepfile import load_sweep
    from mtlray.sweep import Sweep

    named("results", results)
    sweep, module = load_sweep(path)
    if sweep.published is not None:
        from mtlray.analysis.grid.published import describe

        describe(sweep.published)
    names = re.split(r",(?![^(]*\))", strategies) if strategies is not None else None
    narrowed = _joined(sweep, names or ()).narrowed(
        seeds=_seeds(seeds) if seeds is not None else None,
        strategies=names,
        fractions=_numbers("fractions", fractions) if fractions is not None else None,
        learning_rates=_numbers("learning-rates", rates) if rates is not None else None,
        steps=steps,
    )
    options = {
        "results": results if results != RESULTS else None,
        "seeds": seeds,
        "strategies": strategies,
        "fractions": fractions,
        "learning-rates": rates,
        "steps": steps,
    }
    given = {name: value for name, value in options.items() if value is not None}
    words = [str(path), *(word for name, value in given.items() for word in (f"--{name}", str(value)))]
    return Sweep(
        narrowed, module, path, results, narrowed=bool(given.keys() - {"results"}), arguments=shlex.join(words)
    )


def source_of(
    source: str,
    command: str,
    results: str,
    seeds: str | None,
    strategies: str | None,
    fractions: str | None,
    learning_rates: str | None,
    steps: int | None,
) -> tuple[str, list[dict[str, Any]] | None]:
    """The results folder that a command reads, and the trials that its sweep file plans; None for a folder's own list.

    Raises SpecError for options that narrow a sweep without its file.
    """
    narrowing = (seeds, strategies, fractions, learning_rates, steps)
    if source.endswith(".py"):
        opened = open_sweep(Path(source), results, *narrowing)
        return opened.folder, opened.description()["trials"]
    if any(option is not None for option in narrowing):
        raise SpecError(f"Options that narrow a sweep need its sweep file: `mtlray {command} SWEEP.py --seeds 0:3`.")
    return named("RESULTS", source), None


def _joined(sweep: "SweepSpec", names: Iterable[str]) -> "SweepSpec":
    """The sweep with the strategies of installed packages that it does not hold itself, at their defaults."""
    from mtlray.strategies.installed import installed_strategy

    known = {name for strategy in sweep.strategies for name in (strategy.key, strategy.label)}
    joining = [installed_strategy(name) for name in dict.fromkeys(names) if name not in known]
    return dataclasses.replace(sweep, strategies=(*sweep.strategies, *(s for s in joining if s is not None)))


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
        percent = " A quarter of the data is 0.25." if "%" in text else ""
        raise SpecError(
            f"Option --{option} should be numbers with commas between them. Found `{text}`.{percent}"
        ) from None
