"""A trial's logs: each line once, over all starts, and what comes while somebody reads."""

import pyarrow as pa
import pytest

from mtlray.errors import SpecError
from mtlray.results.driver_lock import DriverLock
from mtlray.results.folders.trial_log import TrialLog, started_trial
from mtlray.results.ledger import Ledger
from mtlray.results.trial_folder import LiveCurve

ONE, TWO = "0123456789abcdef", "01ffffffffffffff"


@pytest.fixture
def ledger(tmp_path):
    return Ledger(str(tmp_path), "s")


def said(lines):
    """Without the time, where there is one."""
    return [line[20:] if line[:2] == "20" else line for line in lines]


def test_every_start_is_shown(ledger):
    first = ledger.folder(ONE).start("launch", "spec", "cpu")
    first.add("training from step 0")
    first.finish("interrupted", "stopped")
    second = ledger.folder(ONE).start("launch", "spec", "cpu")
    second.add("training from step 7")
    lines = said(TrialLog(ledger, ONE).lines(follow=False))
    assert [line for line in lines if line.startswith("training")] == ["training from step 0", "training from step 7"]


def test_what_is_added_is_shown_once_until_the_trial_ends(ledger):
    folder = ledger.folder(ONE)
    log = folder.start("launch", "spec", "cpu")
    steps = [
        lambda: log.add("training from step 0"),
        lambda: folder.write_curve(LiveCurve(30, 1200, 1.0, pa.table({"step": [10]}))),
        lambda: None,
        lambda: (log.add("done at step 1200"), log.finish("finished", "done")),
    ]
    with DriverLock(ledger.store):
        lines = said(TrialLog(ledger, ONE).lines(follow=True, wait=lambda seconds: steps.pop(0)()))
    assert steps == []
    assert [line.partition(" on ")[0] for line in lines] == [
        f"trial {ONE}: spec", "attempt 1", "training from step 0", "at step 30 of 1,200", "done at step 1200",
    ]  # fmt: skip


def test_nobody_waits_for_a_trial_that_no_driver_works_on(ledger):
    ledger.folder(ONE).start("launch", "spec", "cpu").add("training from step 0")
    assert len(list(TrialLog(ledger, ONE).lines(follow=True, wait=pytest.fail))) == 3


def test_a_trial_is_named_by_its_first_digits(ledger):
    for trial_id in (ONE, TWO):
        ledger.folder(trial_id).start("launch", "spec", "cpu")
    assert started_trial(ledger, "012") == ONE
    for name, found in (("01", "2 of 2 trials"), ("f", "none among 2 trials"), ("", "none among 2 trials")):
        with pytest.raises(SpecError, match=f"should have an id that begins with `{name}`. Found {found}"):
            started_trial(ledger, name)
