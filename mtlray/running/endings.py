"""From an error to how a trial ends, and to how that start of it is noted."""

from collections.abc import Callable

from mtlray.errors import LostLockError, StrategyError
from mtlray.results.states import Ending, TrialState
from mtlray.running.policy import HungError, is_out_of_memory, may_pass, trouble_with_store
from mtlray.training.checkpoint import Interrupted

# What ends a thread or a process from outside; raised by a trial's own code, SystemExit is a mistake in it.
_STOPS = (SystemExit, KeyboardInterrupt, GeneratorExit)


class Stopped(BaseException):
    """What runs a trial has ended it, by the exception `by`: nobody's fault, and no error that anything may handle."""

    def __init__(self, by: BaseException) -> None:
        super().__init__(f"stopped from outside ({type(by).__name__})")
        self.by = by


def stops_apart(progress: Callable[[int], bool | None]) -> Callable[[int], bool | None]:
    """The same function, from which a stop comes as Stopped, to be told from a trial's own code that calls sys.exit.

    Tune ends a trial by sys.exit(0) within its report.
    """

    def apart(step: int) -> bool | None:
        try:
            return progress(step)
        except _STOPS as stop:
            raise Stopped(stop) from None

    return apart


def ending_of(error: BaseException, *, n_trials: int, alone: bool) -> Ending:
    """How the trials of a pack of `n_trials` end that met this error.

    INTERRUPTED: they continue when they are started again. POSTPONED: memory ran out beside other trials. FAILED: the error
    would happen again, or memory ran out although the pack was `alone`.
    """
    reason = reason_of(error)
    if isinstance(error, (Interrupted, Stopped, LostLockError)):
        return Ending(TrialState.INTERRUPTED, str(error))
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return Ending(TrialState.INTERRUPTED, str(Stopped(error)))
    if isinstance(error, SystemExit):
        return Ending(TrialState.FAILED, f"{reason}: the code of the trial called sys.exit")
    if isinstance(error, StrategyError) and n_trials > 1:  # one seed's gradients must not fail the others
        return Ending(TrialState.INTERRUPTED, f"the pack stopped, its trials continue one by one: {error}")
    if is_out_of_memory(error):
        if alone:
            return Ending(TrialState.FAILED, f"out of memory, with no other trial running beside it: {reason}")
        return Ending(TrialState.POSTPONED, reason)
    return Ending(TrialState.INTERRUPTED if may_pass(error) else TrialState.FAILED, reason)


def end_of_attempt(error: BaseException, ending: Ending) -> str:
    """Which of `mtlray.results.attempts.ENDS` is noted for a start that ended this way with this error."""
    if ending.state is TrialState.FAILED:
        return "finished"
    if ending.state is TrialState.POSTPONED:
        return "out of memory"
    if not may_pass(error) or trouble_with_store(error):  # a stop that is nobody's fault, or no fault of the trial
        return "interrupted"
    return "hung" if isinstance(error, HungError) else "error that may pass"


def reason_of(error: BaseException) -> str:
    """An error in one line: its type and what it says."""
    return f"{type(error).__name__}: {error}"
