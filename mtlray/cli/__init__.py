"""The command line: the same verbs on a laptop and on a cluster. One group of commands a file; importing it registers them."""

# isort: off
from mtlray.cli import new  # noqa: F401  # first in --help, as the first thing that a user types
from mtlray.cli import sweeps, results, predict, embed, export  # noqa: F401  # in this order in --help
from mtlray.cli import strategies, toy, parts, launch, doctor, data, data_push, data_show  # noqa: F401

# isort: on
from mtlray.analysis.app import call
from mtlray.cli.app import app
from mtlray.running.signals import end_without_waiting


def main() -> None:
    """Run the command line; an error that the user can fix is one paragraph and exit code 2."""
    try:
        call(app)
    except SystemExit as ended:
        end_without_waiting(ended.code)
        raise
