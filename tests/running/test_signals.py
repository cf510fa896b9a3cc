"""Requests to stop: what each signal does before trials run, while they do, and after."""

import os
import signal
import subprocess
import sys

import pytest

from mtlray.running.policy import INCOMPLETE, REQUEUE
from mtlray.running.signals import Stop

SYSTEM = [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP]


@pytest.fixture
def stop():
    """One that listens; the handlers of before are back afterwards."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, *SYSTEM)]
    made = Stop(grace_seconds=1000)
    with made.listening():
        made._terminals = []  # the tests' own is not to be let go of
        yield made
    assert [signal.getsignal(number) for number in (signal.SIGINT, *SYSTEM)] == handlers


@pytest.mark.parametrize("number", [signal.SIGINT, *SYSTEM])
def test_before_trials_run_a_request_ends_the_launch_at_once(stop, number):
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert stop.asked
    assert stop.code == (INCOMPLETE if number == signal.SIGINT else REQUEUE)


@pytest.mark.parametrize("number", SYSTEM)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_while_trials_run_the_system_s_request_drains(stop, number, elsewhere):
    with stop.while_trials_run(elsewhere=elsewhere):
        signal.raise_signal(number)
        signal.raise_signal(number)  # a scheduler may send it twice
        assert stop.draining.is_set()
        assert not stop.now.is_set()
    assert stop.code == REQUEUE


def test_ctrl_c_drains_and_a_second_one_stops_now(stop):
    with stop.while_trials_run(elsewhere=False):
        signal.raise_signal(signal.SIGINT)
        assert not stop.now.is_set()
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it should have been interrupted")
    assert stop.now.is_set()
    assert stop.code == INCOMPLETE


def test_where_trials_run_elsewhere_nothing_is_raised(stop):
    with stop.while_trials_run(elsewhere=True):
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        assert stop.now.is_set()


def test_after_trials_a_table_is_still_printed_at_the_system_s_request(stop):
    with stop.while_trials_run(elsewhere=True):
        pass
    signal.raise_signal(signal.SIGTERM)
    assert stop.code == REQUEUE
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_the_handlers_of_others_are_replaced(stop):
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(15))  # as Ray does
    stop.listen_again()
    with stop.while_trials_run(elsewhere=True):
        signal.raise_signal(signal.SIGTERM)
    assert stop.requeue


def test_a_stop_that_listens_already_keeps_its_handlers(stop):
    with stop.listening():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        made = Stop()
        with made.listening():
            signal.raise_signal(signal.SIGHUP)
            assert not made.asked
    finally:
        signal.signal(signal.SIGHUP, before)


HUNG_UP = """
import sys, time
from mtlray.running.signals import Stop
stop = Stop(1000)
with stop.listening(), stop.while_trials_run(elsewhere=True):
    print("ready", flush=True)
    while not stop.asked:
        time.sleep(0.01)
    for _ in range(100):
        print("words to a terminal that is gone", flush=True)
sys.exit(stop.code)
"""


def test_a_terminal_that_hangs_up_ends_nothing_by_an_error():
    """A session whose terminal is closed, as by a laptop's lid."""
    master, slave = os.openpty()
    driver = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n" + HUNG_UP],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    said = b""
    while b"ready" not in said:
        said += os.read(master, 100)
    os.close(master)
    assert driver.wait(timeout=100) == REQUEUE
