"""What the driver does in Tune's steps: it passes a request to stop on, and keeps what Tune says of a trial that failed."""

import io

import pytest
from ray import cloudpickle
from ray.exceptions import ActorDiedError
from rich.console import Console

from mtlray.running.on_ray.shortage import Shortage
from mtlray.running.on_ray.tune_callbacks import Watch
from mtlray.running.progress import Display
from mtlray.running.session import Session
from mtlray.running.signals import Stop


class Trial:
    """One of Tune's, with the files that Tune writes of an error."""

    def __init__(self, folder, pack, text=None, error=None):
        self.config = {"pack": pack}
        self.error_file = self.pickled_error_file = None
        if text is not None:
            self.error_file = folder / f"error-{pack}.txt"
            self.error_file.write_text(text)
        if error is not None:
            self.pickled_error_file = folder / f"error-{pack}.pkl"
            self.pickled_error_file.write_bytes(cloudpickle.dumps(error))


@pytest.fixture
def watch(unchecked):
    return watching_with


def watching_with(drain=lambda: None):
    job = type("Job", (), {"policy": type("Policy", (), {"hang_seconds": 0.0})})
    session = Session(job, Display([], Console(file=io.StringIO())), Stop())
    return Watch([()] * 4, session, drain, lambda pack, trial: None), session.stop


def test_a_request_to_stop_is_passed_on_before_tune_starts_another_trial(watch):
    """Within the step in which it is heard, or trials of a second would follow each other."""
    drained = []
    watching, stop = watch(lambda: drained.append(True))
    watching.on_step_end(0, [])
    assert not drained
    stop.draining.set()
    watching.on_step_end(1, [])
    watching.on_step_end(2, [])
    assert drained == [True]


def test_what_tune_says_of_a_trial_that_failed_is_kept(watch, tmp_path):
    watching, _ = watch()
    low = "Failure # 1\n1 worker(s) were killed due to the node running low on memory."
    for trial in (
        Trial(tmp_path, 0, "Failure # 1\ndied", ActorDiedError()),
        Trial(tmp_path, 1, low, ActorDiedError()),
        Trial(tmp_path, 2, low),
        Trial(tmp_path, 3),
    ):
        watching.on_trial_start(0, [], trial)
        watching.on_trial_error(0, [], trial)
    assert isinstance(watching.failed[0], ActorDiedError)
    assert Shortage.of(watching.failed[1])
    assert Shortage.of(watching.failed[2])
    assert str(watching.failed[3]) == "unknown"
    assert watching.running == set()
