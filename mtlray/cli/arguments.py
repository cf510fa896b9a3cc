"""Arguments that several commands take: the sweep file, where results and data lie, and what narrows a sweep."""

import dataclasses
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtlray.cli.options import only
from mtlray.cli.places import named
from mtlray.errors import SpecError
from mtlray.results.part import WHOLE, Part
from mtlray.specs.run_config import RunConfig
from mtlray.words.values import shown

if TYPE_CHECKING:
    from mtlray.results.ledger import Ledger
    from mtlray.specs import SweepSpec
    from mtlray.sweep import Sweep

SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="Python file that defines SWEEP.")]
Results = Annotated[
    str, typer.Option("--results", envvar="MTLRAY_RESULTS", help="Folder for results, or a URI such as s3://…")
]
DataFolder = Annotated[RunConfig, only("data")]

RESULTS = RunConfig.results


@dataclass(frozen=True, kw_only=True, slots=True)
class Narrowing:
    """What narrows a sweep on the command line, as it was typed."""

    seeds: str | None = field(default=None, metadata={"help": "Only these seeds: 0:3 or 0,2,5."})
    strategies: str | None = field(
        default=None,
        metadata={"help": "Only these strategies: stl,equal. Strategies of installed packages can be named too."},
    )
    fractions: str | None = field(default=None, metadata={"help": "Only these data fractions: 1,0.25."})
    learning_rates: str | None = field(default=None, metadata={"help": "Only these learning rates: 0.01,0.1."})
    where: str | None = field(
        default=None,
        metadata={"help": "Only the trials for which this holds: 'batch_size == 16 and strategy != \"dtp\"'."},
    )
    steps: int | None = field(default=None, metadata={"help": "Train every trial for this many steps instead."})

    def given(self) -> dict[str, str]:
        """The options that were given, by their names."""
        values = {f.name.replace("_", "-"): getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: str(value) for name, value in values.items() if value is not None}


def open_sweep(path: Path, results: str, narrowing: Narrowing | None = None, part: Part = WHOLE) -> "Sweep":
    """The sweep of a file, narrowed by the options, or a part of that. Raises SpecError."""
    from mtlray.specs.sweepfile import load_sweep
    from mtlray.sweep import Sweep

    asked = narrowing or Narrowing()
    named("results", results)
    sweep, module = load_sweep(path)
    if sweep.published is not None:
        from mtlray.analysis.grid.published import describe

        describe(sweep.published)
    names = re.split(r",(?![^(]*\))", asked.strategies) if asked.strategies is not None else None
    narrowed = _joined(sweep, names or ()).narrowed(
        seeds=_seeds(asked.seeds) if asked.seeds is not None else None,
        strategies=names,
        fractions=_numbers("fractions", asked.fractions),
        learning_rates=_numbers("learning-rates", asked.learning_rates),
        steps=asked.steps,
        where=asked.where,
    )
    given = {**({"results": results} if results != RESULTS else {}), **asked.given()}
    words = [str(path), *(word for name, value in given.items() for word in (f"--{name}", value))]
    return Sweep(narrowed, module, path, results, narrowed=bool(asked.given()), arguments=shlex.join(words), part=part)


def ledger_at(source: str, results: str) -> "Ledger":
    """The ledger of a sweep file, or of a sweep's own results folder. Raises SpecError and ResultsError."""
    if source.endswith(".py"):
        return open_sweep(Path(source), results).ledger
    from mtlray.results.folders.opening import ledger_of

    return ledger_of(named("RESULTS", source))


def _joined(sweep: "SweepSpec", names: Iterable[str]) -> "SweepSpec":
    """The sweep with the strategies of installed packages that it does not hold itself, at their defaults."""
    from mtlray.strategies.installed import OFFERED

    known = {name for strategy in sweep.strategies for name in (strategy.key, strategy.label)}
    joining = [OFFERED.with_defaults(name) for name in dict.fromkeys(names) if name not in known]
    return dataclasses.replace(sweep, strategies=(*sweep.strategies, *(s for s in joining if s is not None)))


def _seeds(text: str) -> Sequence[int]:
    """The seeds of a range as a range, whatever its length. Raises SpecError."""
    try:
        if ":" in text:
            first, last = text.split(":")
            return range(int(first or 0), int(last))
        return [int(entry) for entry in text.split(",")]
    except ValueError:
        raise SpecError(f"Option --seeds should look like 0:3 or 0,2,5. Found `{shown(text)}`.") from None


def _numbers(option: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(entry) for entry in text.split(",")]
    except ValueError:
        percent = " A quarter of the data is 0.25." if "%" in text else ""
        raise SpecError(
            f"Option --{option} should be numbers separated by commas. Found `{shown(text)}`.{percent}"
        ) from None
