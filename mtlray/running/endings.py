"""From an error to how a trial ends, and to how that start of it is noted."""

from mtlray.errors import StrategyError
from mtlray.results.states import Ending, TrialState
from mtlray.running.policy import HungError, is_out_of_memory, may_pass, store_is_full
from mtlray.training.checkpoint import Interrupted


def ending_of(error: BaseException, *, n_trials: int, alone: bool) -> Ending:
    """How the trials of a pack of `n_trials` end that met this error.

    INTERRUPTED: they continue when they are started again. POSTPONED: memory ran out beside other trials. FAILED: the error
    would happen again, or memory ran out although the pack was `alone`.
    """
    reason = reason_of(error)
    if isinstance(error, Interrupted):
        return Ending(TrialState.INTERRUPTED, str(error))
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
    if not may_pass(error) or store_is_full(ending.text):  # a stop that is nobody's fault, or no fault of the trial
        return "interrupted"
    return "hung" if isinstance(error, HungError) else "error that may pass"


def reason_of(error: BaseException) -> str:
    """An error in one line: its type and what it says."""
    return f"{type(error).__name__}: {error}"
