"""Asking before something is removed."""

import sys

import typer

from mtlray.errors import SpecError


def agreed(yes: bool, question: str) -> bool:
    """Whether to remove what was listed: `--yes` was given, or the answer to the question is yes.

    Raises SpecError where nobody can be asked.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SpecError("Nothing was removed, because nobody can be asked here. Add --yes to remove what is listed.")
    if typer.confirm(question, default=False):
        return True
    print("Nothing was removed.")
    return False
