"""Signals: how a launch is asked to stop. Before trials run it ends at once; from then on they save a checkpoint first."""

import contextlib
import enum
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from mtlray.running.policy import INCOMPLETE, REQUEUE

# Time between the end of the grace period, when everything is stopped, and the end of this process at the latest.
_LAST_SECONDS = 5.0

_REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)

LEFT_TO_THE_DRIVER = frozenset({signal.SIGHUP, signal.SIGUSR1})
"""What a terminal or a scheduler sends to every process of a group, and the processes of our own Ray leave to the driver."""


class _Moment(enum.Enum):
    """Where a launch stands, which decides what a request to stop does."""

    BEFORE = "nothing runs that could save a checkpoint"
    HERE = "trials run in the thread that hears signals"
    ELSEWHERE = "trials run, and the thread that hears signals waits for them"
    AFTER = "trials have ended, and their table is printed"


class Stop:
    """What was asked of a launch. Trials save a checkpoint and end after `draining`; after `now` they are left."""

    def __init__(self, grace_seconds: float = 20.0) -> None:
        self.draining = threading.Event()
        self.now = threading.Event()
        self.requeue = False
        """Whether the system wants this process gone, and not a person or the sweep itself."""
        self.too_many_failed = False
        self._grace_seconds = grace_seconds
        self._timers: list[threading.Timer] = []
        self._terminals: list[int] = []
        self._moment = _Moment.BEFORE
        self._heard: tuple[signal.Signals, ...] = ()

    @property
    def asked(self) -> bool:
        return self.draining.is_set() or self.now.is_set()

    @property
    def code(self) -> int:
        """The exit code of a launch that was stopped with trials left."""
        return REQUEUE if self.requeue else INCOMPLETE

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """SIGINT, SIGTERM, SIGUSR1 and SIGHUP come here; before trials run they raise KeyboardInterrupt.

        Nothing happens outside the main thread, and where this stop listens already.
        """
        if self._heard or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _REQUESTS}
        if before[signal.SIGHUP] is signal.SIG_IGN:  # under nohup
            del before[signal.SIGHUP]
        self._terminals = [descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)]
        self._heard = tuple(before)
        self.listen_again()
        try:
            yield
        finally:
            self._heard = ()
            for timer in self._timers:
                timer.cancel()
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def listen_again(self) -> None:
        """After others have set handlers of their own. Nothing happens where this stop does not listen."""
        for number in self._heard:
            signal.signal(number, self._on_request)

    @contextlib.contextmanager
    def while_trials_run(self, *, elsewhere: bool) -> Iterator[None]:
        """Requests to stop let trials save a checkpoint first; `elsewhere` if trials do not run in the thread that hears signals.

        A KeyboardInterrupt ends what runs inside, as a second Ctrl-C does where trials run here.
        """
        self._moment = _Moment.ELSEWHERE if elsewhere else _Moment.HERE
        try:
            yield
        except KeyboardInterrupt:
            self.now.set()
        finally:
            self._moment = _Moment.AFTER

    def _on_request(self, number: int, frame: FrameType | None) -> None:
        del frame
        again = self.asked
        if number == signal.SIGINT:
            if again:
                self.now.set()
        elif self.requeue:
            return
        else:
            self.requeue = True
            self._limit_the_time()
        self.draining.set()
        if self._moment in (_Moment.HERE, _Moment.ELSEWHERE):
            self._tell(number, again)
        if number == signal.SIGHUP:
            self._let_go_of_the_terminal()
        if self._interrupts(number, again):
            raise KeyboardInterrupt

    def _interrupts(self, number: int, again: bool) -> bool:
        """Whether a request ends what this thread does, wherever it is."""
        if self._moment is _Moment.BEFORE:
            return True
        by_a_person = number == signal.SIGINT
        return by_a_person and (self._moment is _Moment.AFTER or (self._moment is _Moment.HERE and again))

    def _tell(self, number: int, again: bool) -> None:
        if number != signal.SIGINT:
            _say(
                f"{signal.Signals(number).name}: running trials save a checkpoint, within {self._grace_seconds:g} s; "
                f"exit code {REQUEUE} asks for a rerun."
            )
        elif not again:
            _say("Stopping at the next checkpoint of each running trial. Ctrl-C again stops now.")

    def _limit_the_time(self) -> None:
        self._timers = [
            threading.Timer(self._grace_seconds, self.now.set),
            # Every file is whole at every moment, so that nothing is lost by leaving at once.
            threading.Timer(self._grace_seconds + _LAST_SECONDS, os._exit, [REQUEUE]),
        ]
        for timer in self._timers:
            timer.daemon = True
            timer.start()

    def _let_go_of_the_terminal(self) -> None:
        """It is gone, or will be in a moment, and then each line to it would raise OSError."""
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in self._terminals:
                os.dup2(nowhere, descriptor)
            os.close(nowhere)


_left_behind = threading.Event()


def leave_behind() -> None:
    """Note that a thread of this process is in a call that may never return, so that the process must end without it."""
    _left_behind.set()


def end_without_waiting(code: object) -> None:
    """At the end of a command: end the process with this exit code if a thread was left behind; otherwise do nothing."""
    if not _left_behind.is_set():
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _say(text: str) -> None:
    """A line to the terminal, from within a signal handler."""
    with contextlib.suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
