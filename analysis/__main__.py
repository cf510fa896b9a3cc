"""`python -m analysis table RESULTS`: the tables of a results folder, on a machine without torch or ray."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.selection import RULES
from analysis.tables import FORMATS, render_table
from analysis.tuning import RATES
from mtlray.errors import MtlrayError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 2 for an error that is the user's to mend."""
    options = _parser().parse_args(arguments)
    try:
        rendered = render_table(
            options.results, select=options.select, format=options.format, against=options.against, rates=options.rates
        )
        if options.out is None:
            # Every table holds a ±, which a terminal set to ASCII would refuse with a traceback.
            getattr(sys.stdout, "reconfigure", lambda **_: None)(encoding="utf-8")
            print(rendered)
        else:
            Path(options.out).write_text(rendered + "\n", encoding="utf-8")
    except (MtlrayError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis", description="From a sweep's Parquet files to its tables."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("table", help="mean ± std (n) per cell")
    command.add_argument(
        "results", metavar="RESULTS", help="a sweep's folder, or a results folder with one sweep in it"
    )
    command.add_argument(
        "--select", metavar="RULE", help=f"{' | '.join(rule.name for rule in RULES)} (default: the sweep's own)"
    )
    command.add_argument("--format", default="text", metavar="FMT", help=f"{' | '.join(FORMATS)} (default: text)")
    command.add_argument("--against", metavar="PAPER", help="a published table beside ours: gong2019 or gong2019:1")
    command.add_argument("--rates", metavar="RULE", help=f"several learning rates: {' | '.join(RATES)} (default: best)")
    command.add_argument("--out", metavar="FILE", help="write to a file instead of the terminal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
