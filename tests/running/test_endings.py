"""From an error to how a trial ends and how its start is noted."""

import errno

import pytest

from mtlray.errors import LostLockError, StoreError, StrategyError
from mtlray.reading.causes import Cause, DiskError
from mtlray.results.attempts import ENDS
from mtlray.results.states import Ending, TrialState
from mtlray.running.endings import Stopped, end_of_attempt, ending_of, stops_apart
from mtlray.running.policy import HungError, trouble_with_store
from mtlray.training.checkpoint import Interrupted

FULL = OSError(errno.ENOSPC, "No space left on device")
UNREAD = DiskError("`a.npy`", "an array", "it cannot be read", Cause.UNREADABLE)


@pytest.mark.parametrize(
    ("error", "circumstances", "state", "end"),
    [
        (Interrupted(5), {}, TrialState.INTERRUPTED, "interrupted"),
        (ValueError("my mistake"), {}, TrialState.FAILED, "finished"),
        (SystemExit(0), {}, TrialState.FAILED, "finished"),
        (SystemExit("my text"), {}, TrialState.FAILED, "finished"),
        (Stopped(SystemExit(0)), {}, TrialState.INTERRUPTED, "interrupted"),
        (KeyboardInterrupt(), {}, TrialState.INTERRUPTED, "interrupted"),
        (GeneratorExit(), {}, TrialState.INTERRUPTED, "interrupted"),
        (LostLockError("another"), {}, TrialState.INTERRUPTED, "interrupted"),
        (StoreError("The store did not answer."), {}, TrialState.INTERRUPTED, "interrupted"),
        (UNREAD, {}, TrialState.INTERRUPTED, "interrupted"),
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


def test_code_of_a_trial_that_ends_the_program_is_named():
    assert ending_of(SystemExit("my text"), n_trials=1, alone=True).text == (
        "SystemExit: my text: the code of the trial called sys.exit"
    )


@pytest.mark.parametrize("stop", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
def test_a_stop_by_what_runs_a_trial_is_told_from_its_own_code(stop):
    def progress(step):
        raise stop

    with pytest.raises(Stopped) as caught:
        stops_apart(progress)(1)
    assert caught.value.by is stop


def test_other_errors_and_answers_pass():
    def hangs(step):
        raise HungError("no progress")

    with pytest.raises(HungError):
        stops_apart(hangs)(1)
    assert stops_apart(lambda step: step == 3)(3) is True


class FromAWorker(RuntimeError):
    """As Ray wraps the error of a worker."""

    cause = StoreError("results/x should be readable. Check the disk.")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FromAWorker("a traceback"), "results/x should be readable. Check the disk."),
        (
            FULL,
            "[Errno 28] No space left on device. Free space for the results, then run the same command again to continue.",
        ),
        (
            UNREAD,
            "`a.npy` should be an array. Found: it cannot be read. Check the disk or the network share that it is on, then "
            "run the same command again.",
        ),
        (OSError(errno.EIO, "I/O error"), ""),
        (ValueError("no"), ""),
    ],
)
def test_trouble_with_the_store_stops_a_sweep_and_is_told_with_its_remedy(error, told):
    assert trouble_with_store(error) == told
