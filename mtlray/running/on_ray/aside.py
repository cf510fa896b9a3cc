"""Aside: Ray is talked to in a thread of its own, so that the main thread always hears signals and can leave a dead Ray."""

import signal
import threading
from collections.abc import Callable

from mtlray.errors import LaunchError
from mtlray.running.on_ray.pulse import Pulse, kill_own_ray
from mtlray.running.signals import LEFT_TO_THE_DRIVER, Stop, leave_behind

_LOOK_SECONDS = 0.5
_MOMENTS = 10  # of a look
_LAST_LOOKS = 30  # from a request to stop now until Ray is left behind


def aside(work: Callable[[], None], stop: Stop, pulse: Pulse, say: Callable[[str], object], *, own: bool) -> None:
    """Do `work`, which talks to Ray, while this thread listens; returns when it has ended, or Ray is lost and was left behind.

    Raises what `work` raised while Ray lived, and LaunchError where Ray did not start in time. `own` is a Ray that this process
    has started.
    """
    raised: list[BaseException] = []

    def call() -> None:
        # The processes of Ray that are started here inherit this.
        signal.pthread_sigmask(signal.SIG_BLOCK, LEFT_TO_THE_DRIVER)
        try:
            work()
        except BaseException as error:
            raised.append(error)

    # A daemon, for it may never end.
    thread = threading.Thread(target=call, name="mtlray-ray", daemon=True)
    thread.start()
    lost, looks = "", 0
    while thread.is_alive():
        _listen_over_ray(thread, stop, pulse)
        if not lost and thread.is_alive() and (lost := pulse.lost()):
            if pulse.begun:
                _tell(lost, say)
            break  # nothing more is asked of it: Tune would end a trial that still runs in the middle of what it does
        if stop.now.is_set():
            looks += 1
            if looks > _LAST_LOOKS:
                break
    if thread.is_alive():
        if own:
            kill_own_ray()
        leave_behind()
    if lost and not pulse.begun:
        raise LaunchError(f"{lost}. Try again when the machine is less busy, or run without Ray with --in-process.")
    if raised and not lost and pulse.reason:  # found first by whoever talked to it
        lost = pulse.reason
        _tell(lost, say)
    if raised and not lost:
        raise raised[0]


def _listen_over_ray(thread: threading.Thread, stop: Stop, pulse: Pulse) -> None:
    """Wait for a look's time. Ray handles SIGTERM in C from some moment of its start: it would end this process after 3 s."""
    for _ in range(_MOMENTS):
        thread.join(_LOOK_SECONDS / _MOMENTS)
        if not pulse.begun or not stop.asked:
            stop.listen_again()
        if stop.requeue:
            signal.alarm(0)  # how it would
        if not thread.is_alive():
            return


def _tell(lost: str, say: Callable[[str], object]) -> None:
    say(f"Stopped: {lost}. What trials did since their last checkpoint is lost.")
