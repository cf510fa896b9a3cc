"""`python -m mtlray.analysis table|report|figures RESULTS`: the same as mtlray's, on a machine without torch or ray."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mtlray.analysis.grid.load import load
from mtlray.analysis.grid.selection import RULES
from mtlray.analysis.grid.tuning import RATES
from mtlray.analysis.tables import FORMATS, KINDS, render_table
from mtlray.closed_pipe import ends_with_its_reader
from mtlray.errors import MtlrayError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 2 for an error that is the user's to mend."""
    options = _parser().parse_args(arguments)
    try:
        {"table": _table, "report": _report, "figures": _figures}[options.command](options)
    except BrokenPipeError:
        raise
    except (MtlrayError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _table(options: argparse.Namespace) -> None:
    rendered = render_table(
        options.results,
        kind=options.kind,
        select=options.select,
        format=options.format,
        against=options.against,
        baseline=options.baseline,
        rates=options.rates,
        metrics=options.metrics,
    )
    if options.out is None:
        # Every table holds a ±, which a terminal set to ASCII would refuse with a traceback.
        getattr(sys.stdout, "reconfigure", lambda **_: None)(encoding="utf-8")
        print(rendered)
    else:
        Path(options.out).write_text(rendered + "\n", encoding="utf-8")


def _report(options: argparse.Namespace) -> None:
    from mtlray.analysis.report import render_report

    page = render_report(options.results, select=options.select, against=options.against, rates=options.rates)
    Path(options.out).write_text(page, encoding="utf-8")
    print(f"report    {options.out}")


def _figures(options: argparse.Namespace) -> None:
    from mtlray.analysis.figures import save

    only = options.only.split(",") if options.only is not None else None
    formats = options.formats.split(",")
    for line in save(
        load(options.results),
        Path(options.out),
        names=only,
        formats=formats,
        select=options.select,
        rates=options.rates,
    ):
        print(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mtlray.analysis", description="From a sweep's Parquet files to its tables."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    table = commands.add_parser("table", help="mean ± std (n) per cell")
    table.add_argument("--kind", default="cells", metavar="KIND", help=f"{' | '.join(KINDS)} (default: cells)")
    table.add_argument("--baseline", metavar="STRATEGY", help="what to compare with (default: single-task, then equal)")
    table.add_argument("--metrics", metavar="NAMES", help="only these metrics, as in *_global,accuracy (default: all)")
    table.add_argument("--format", default="text", metavar="FMT", help=f"{' | '.join(FORMATS)} (default: text)")
    table.add_argument("--out", metavar="FILE", help="write to a file instead of the terminal")
    report = commands.add_parser("report", help="one HTML page that needs no network")
    report.add_argument("--out", default="report.html", metavar="FILE", help="the file to write (default: report.html)")
    figures = commands.add_parser("figures", help="figures as files")
    figures.add_argument("--only", metavar="NAMES", help="only these figures, as in learning,weights")
    figures.add_argument("--formats", default="png,pdf", metavar="FMTS", help="png, pdf and svg (default: png,pdf)")
    figures.add_argument("--out", default="figures", metavar="FOLDER", help="the folder to write to (default: figures)")
    rules = " | ".join(rule.name for rule in RULES)
    for command in (table, report, figures):
        command.add_argument(
            "results", metavar="RESULTS", help="a sweep's folder, or a results folder with one sweep in it"
        )
        command.add_argument("--select", metavar="RULE", help=f"{rules} (default: the sweep's own)")
        command.add_argument(
            "--rates", metavar="RULE", help=f"several learning rates: {' | '.join(RATES)} (default: best)"
        )
    for command in (table, report):
        command.add_argument("--against", metavar="PAPER", help="a published table beside ours: gong2019 or gong2019:1")
    return parser


if __name__ == "__main__":
    with ends_with_its_reader():
        sys.exit(main())
