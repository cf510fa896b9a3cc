"""The commands table, report, figures and watch. Here they take a results folder; `mtlray` mounts them for sweep files too."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from mtlray.analysis.sources import Source
from mtlray.closed_pipe import ends_with_its_reader, open_missing_streams
from mtlray.errors import MtlrayError, SpecError
from mtlray.words.masking import MaskedStream

Folders = Annotated[
    list[Source],
    typer.Argument(
        metavar="RESULTS...",
        parser=Source,
        help="A sweep's results folder, or a results folder that holds one sweep; several are compared, strategy by strategy.",
    ),
]
Folder = Annotated[
    Source,
    typer.Argument(
        metavar="RESULTS", parser=Source, help="A sweep's results folder, or a results folder that holds one sweep."
    ),
]
Select = Annotated[
    str | None,
    typer.Option(
        "--select",
        help="Which evaluation speaks for a trial: best_val, best_val_per_task, best_test, best_test_joint, last or "
        "mean_last_10. Default: the sweep's own rule.",
    ),
]
SeveralRates = Annotated[
    str | None,
    typer.Option(
        "--rates", help="With several learning rates: show the best on the validation split, or all. Default: best."
    ),
]

By = Annotated[
    str | None,
    typer.Option(
        "--by", help="Axes that come first in the rows: batch_size,strategy.temperature. All that vary are rows."
    ),
]
Where = Annotated[
    str | None,
    typer.Option("--where", help="Only the trials for which this holds: 'fraction == 0.25 and strategy != \"dtp\"'."),
]


def table(
    sources: Folders,
    kind: Annotated[str, typer.Option("--kind", help="cells, leaderboard, compare, cost or selection.")] = "cells",
    select: Select = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format", help="text, markdown, latex, html or csv. Default: by the ending of --out, else text."
        ),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", help="Only these metrics: accuracy, or '*_global'. Default: all.")
    ] = None,
    rates: SeveralRates = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="Published table to compare with: gong2019:1, xu2025:nyuv2, or a CSV file."),
    ] = None,
    by: By = None,
    across: Annotated[
        str | None, typer.Option("--across", help="Axes that are columns: model. The data fraction is one in any case.")
    ] = None,
    where: Where = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Strategy to compare with. Default: single-task, then equal.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write to this file, whole or not at all: .txt, .md, .tex, .html, .csv or .parquet.",
        ),
    ] = None,
) -> None:
    """Print mean±std (n) for each cell, under a named selection rule."""
    from mtlray.analysis.files import form_of, write_table
    from mtlray.analysis.tables import TableOptions, load_table

    form = form_of(out, format)
    options = TableOptions(
        kind=kind,
        select=select,
        against=against,
        baseline=baseline,
        rates=rates,
        metrics=metrics,
        by=_names(by),
        across=_names(across),
        where=where,
    )
    made = load_table(sources, options)
    # COLUMNS, else the terminal, else 80.
    width = max(40, shutil.get_terminal_size((80, 24)).columns)
    if out is not None:
        write_table(made, out, form, width)
        return
    # Every table holds a ±, which a terminal set to ASCII would refuse or replace.
    getattr(sys.stdout, "reconfigure", lambda **_: None)(encoding="utf-8")
    print(made.render(form, width=width))


def report(
    sources: Folders,
    select: Select = None,
    rates: SeveralRates = None,
    by: By = None,
    where: Where = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Published table to compare with. Default: the one the sweep names.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write.")] = Path("report.html"),
) -> None:
    """Write one HTML page with tables, figures, failures, provenance and downloads. It needs no network."""
    from mtlray.analysis.report import render_report

    page = render_report(sources, select=select, against=against, rates=rates, by=_rows(by), where=where)
    from mtlray.analysis.files import write

    write(out, page.encode())
    print(f"report    {out}")


def figures(
    source: Folder,
    select: Select = None,
    rates: SeveralRates = None,
    by: By = None,
    where: Where = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only these figures: learning,weights.")] = None,
    formats: Annotated[
        str, typer.Option("--formats", help="Any of png, pdf and svg, separated by commas.")
    ] = "png,pdf",
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write to.")] = Path("figures"),
) -> None:
    """Draw a sweep's figures as files: learning curves, ranks, weights and more."""
    from mtlray.analysis.figures import save
    from mtlray.analysis.grid.arranging import arranged
    from mtlray.analysis.grid.load import load

    loaded = load(source.folder, trials=source.trials, common=source.common)
    lines = save(
        arranged(loaded, by=_rows(by), where=where),
        out.expanduser(),
        names=kind.split(",") if kind is not None else None,
        formats=formats.split(","),
        select=select,
        rates=rates,
    )
    print("\n".join(lines))


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


def _rows(text: str | None) -> tuple[str, ...]:
    """The axes of --by of figures and reports. Raises SpecError for the fraction, by which these have their own order."""
    names = _names(text)
    if "fraction" in names:
        raise SpecError(
            "Option --by should name axes of rows. Found `fraction`, of which figures and reports have panels. Leave it "
            "out, or make a table: `mtlray table RESULTS --by fraction`."
        )
    return names


def watch(
    source: Folder,
    port: Annotated[int, typer.Option("--port", help="Port on this machine; 0: any that is free.")] = 8650,
) -> None:
    """Serve a page on this machine that follows a sweep while it runs: progress, curves, failures. Reads the folder alone.

    Ctrl-C and SIGTERM end it with exit code 0. On another machine, see the page through `ssh -L 8650:localhost:8650 HOST`.
    """
    from mtlray.analysis.watch import serve

    serve(source, port, lambda line: print(line, flush=True))


COMMANDS: tuple[Callable[..., None], ...] = (table, report, figures, watch)

app = typer.Typer(
    help="From a sweep's results to tables, figures and a report. Needs neither torch nor Ray.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _command in COMMANDS:
    app.command()(_command)


def call(app: typer.Typer, arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit; an error that the user can fix is one paragraph and exit code 2.

    `arguments` are those of the process unless given.
    """
    # Commands write files. A notebook names its own backend to its shells, and without it matplotlib is not even imported.
    os.environ["MPLBACKEND"] = "agg"
    open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        # A message may quote what a terminal set to ASCII would refuse with a traceback.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    with ends_with_its_reader(), _masked_output():
        try:
            _refuse_nul(sys.argv[1:] if arguments is None else arguments)
            app(arguments)
        except BrokenPipeError:
            raise
        except (MtlrayError, OSError) as error:
            print(f"Error: {error}", file=sys.stderr)
            sys.exit(2)
        except RuntimeError as error:
            if "home directory" not in str(error):  # as pathlib says it
                raise
            print(
                "Error: `~` should be the home folder. There is none: HOME is not set, and the system knows no user "
                f"{os.getuid()}. Set HOME, or name each folder in full (--data, MTLRAY_DATA).",
                file=sys.stderr,
            )
            sys.exit(2)


def _refuse_nul(arguments: Sequence[str]) -> None:
    """Raise SpecError for what no shell, but a program that calls this one may pass: no name of a file holds it."""
    for argument in arguments:
        if "\0" in argument:
            raise SpecError(f"An argument should be a text without the character NUL. Found {argument!r}.")


@contextlib.contextmanager
def _masked_output() -> Iterator[None]:
    """Whatever is printed meanwhile, typer's own messages too, without the credentials of a URI on the command line."""
    out, err = (None if stream is None else MaskedStream(stream) for stream in (sys.stdout, sys.stderr))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):  # a shell may have closed them
        yield
