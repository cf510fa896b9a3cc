"""The command line: the same verbs on a laptop and on a cluster. One group of commands a file."""

import sys

# isort: off
from mtlray.cli import new  # noqa: F401  # first in --help, as the first thing that a user types
from mtlray.cli import sweeps, tables, report, embed, export, strategies, launch, doctor, data, data_push, data_show  # noqa: F401  # as in --help

# isort: on
from mtlray.cli.app import app
from mtlray.closed_pipe import ends_with_its_reader
from mtlray.errors import MtlrayError


def main() -> None:
    """Run the command line; an error that is the user's to mend is one paragraph and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # Tables hold a ±, which a terminal set to ASCII would refuse with a traceback.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    with ends_with_its_reader():
        try:
            app()
        except BrokenPipeError:
            raise
        except (MtlrayError, OSError) as error:
            print(f"Error: {error}", file=sys.stderr)
            sys.exit(2)
