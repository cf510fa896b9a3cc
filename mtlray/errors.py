"""The exceptions that mtlray raises on purpose. Each message says what was expected, what was found, and the remedy."""

import difflib
from collections.abc import Iterable

from mtlray.words.masking import masked
from mtlray.words.values import shown


class MtlrayError(Exception):
    """Base of all errors that the user can fix; the command line prints them without a traceback and exits with 2.

    Credentials in URIs are masked in the message, which goes to terminals, logs and results.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(masked(argument) if isinstance(argument, str) else argument for argument in args))


class SpecError(MtlrayError, ValueError):
    """A sweep, trial, strategy, data set or model is described wrongly."""


class DataError(MtlrayError, RuntimeError):
    """Data is missing, damaged, or not the data that the results were made with."""


class ResultsError(MtlrayError, RuntimeError):
    """A results folder cannot be read, written, or mixed with what is about to run."""


class StoreError(ResultsError, OSError):
    """An object store refuses or does not answer, or a disk does not let itself be read.

    It says nothing about a trial, or about what is stored. An OSError too, because it may pass.
    """


class LaunchError(MtlrayError, RuntimeError):
    """A sweep cannot be started here: no such cluster, too few resources, another driver at work."""


class LostLockError(LaunchError):
    """Another driver has taken the sweep over, so that this one and its workers write nothing more."""


class StrategyError(MtlrayError, ArithmeticError):
    """A strategy has no update for the gradients it was given, such as when its solver fails."""


def unknown_name(kind: str, found: str, valid: Iterable[str]) -> SpecError:
    """The error for a name that is not in a list: shows the list and the closest match."""
    names = sorted(valid)
    # A part of one name is nearer to it than its length lets difflib find.
    close = difflib.get_close_matches(found, names, n=1) or [name for name in names if found and found in name][:1]
    hint = f" Did you mean `{close[0]}`?" if close else ""
    return SpecError(f"There is no {kind} `{shown(found)}`.{hint} Valid names: {', '.join(names)}.")
