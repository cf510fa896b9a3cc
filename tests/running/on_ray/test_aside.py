"""The thread that talks to Ray: what it raises, when it is left behind, and that it hears no signal."""

import signal
import threading

import pytest

import mtlray.running.on_ray.aside as module
from mtlray.errors import LaunchError
from mtlray.running.on_ray.aside import aside
from mtlray.running.on_ray.pulse import Pulse
from mtlray.running.signals import LEFT_TO_THE_DRIVER, Stop

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture
def call(monkeypatch):
    """`aside` beside a Ray of which the test says what is lost; what it left, killed and said."""
    seen = {"left": 0, "killed": 0, "said": []}
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "leave_behind", lambda: seen.update(left=seen["left"] + 1))
    monkeypatch.setattr(module, "kill_own_ray", lambda: seen.update(killed=seen["killed"] + 1))
    never = threading.Event()

    def run(work, *, own=True, lost="", stop=None, begun=True):
        pulse = Pulse(own=own)
        pulse.begun, pulse._reason = begun, lost
        monkeypatch.setattr(pulse, "lost", lambda: lost, raising=False)
        aside(lambda: work(never), stop or Stop(), pulse, seen["said"].append, own=own)
        return seen

    yield run
    never.set()


def test_what_is_done_and_raised(call):
    done = []
    assert call(done.append)["left"] == 0
    assert len(done) == 1
    with pytest.raises(ZeroDivisionError):
        call(lambda never: 1 / 0)
    with pytest.raises(SystemExit):
        call(lambda never: (_ for _ in ()).throw(SystemExit(0)))


def test_processes_that_it_starts_leave_hang_ups_to_the_driver(call):
    masks = []
    call(lambda never: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
    assert masks[0] >= LEFT_TO_THE_DRIVER
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & LEFT_TO_THE_DRIVER


@pytest.mark.parametrize(("own", "killed"), [(True, 1), (False, 0)])
def test_a_lost_ray_is_left_behind(call, own, killed):
    seen = call(lambda never: never.wait(), own=own, lost="its raylet has ended")
    assert (seen["left"], seen["killed"]) == (1, killed)
    assert seen["said"] == ["Stopped: its raylet has ended. What trials did since their last checkpoint is lost."]


def test_an_error_of_a_lost_ray_is_its_end(call):
    seen = call(lambda never: 1 / 0, lost="its raylet has ended")
    assert seen["left"] == 0
    assert len(seen["said"]) == 1


def test_a_ray_that_never_starts_is_an_error(call):
    with pytest.raises(LaunchError, match=r"Ray has not started in 120 s\. Try again when"):
        call(lambda never: never.wait(), lost="Ray has not started in 120 s", begun=False)


def test_what_does_not_end_after_a_request_to_stop_now_is_left_behind(call, monkeypatch):
    monkeypatch.setattr(module, "_LAST_LOOKS", 3)
    stop = Stop()
    stop.now.set()
    seen = call(lambda never: never.wait(), stop=stop)
    assert (seen["left"], seen["killed"], seen["said"]) == (1, 1, [])
