"""From an error to how a trial ends and how its start is noted."""

import errno

import pytest

from mtlray.errors import StrategyError
from mtlray.results.attempts import ENDS
from mtlray.results.states import Ending, TrialState
from mtlray.running.endings import end_of_attempt, ending_of
from mtlray.running.policy import HungError
from mtlray.training.checkpoint import Interrupted

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "circumstances", "state", "end"),
    [
        (Interrupted(5), {}, TrialState.INTERRUPTED, "interrupted"),
        (ValueError("my mistake"), {}, TrialState.FAILED, "finished"),
        (SystemExit(0), {}, TrialState.FAILED, "finished"),
        (StrategyError("no solution"), {}, TrialState.FAILED, "finished"),
        (StrategyError("no solution"), {"n_trials": 2}, TrialState.INTERRUPTED, "interrupted"),
        (MemoryError("no"), {"alone": True}, TrialState.FAILED, "finished"),
        (MemoryError("no"), {"alone": False}, TrialState.POSTPONED, "out of memory"),
        (HungError("no progress"), {}, TrialState.INTERRUPTED, "hung"),
        (OSError(errno.EIO, "I/O error"), {}, TrialState.INTERRUPTED, "error that may pass"),
        (FULL, {}, TrialState.INTERRUPTED, "interrupted"),
    ],
)
def test_each_error_has_its_ending(error, circumstances, state, end):
    ending = ending_of(error, **{"n_trials": 1, "alone": True} | circumstances)
    assert ending.state is state
    assert str(error) in ending.text
    assert end_of_attempt(error, ending) == end
    assert end in ENDS


def test_memory_that_ran_out_alone_is_said_to_have():
    assert ending_of(MemoryError("no"), n_trials=1, alone=True) == Ending(
        TrialState.FAILED, "out of memory, with no other trial running beside it: MemoryError: no"
    )
