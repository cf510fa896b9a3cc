"""Signals: how a running sweep is asked to stop. Ctrl-C once drains it to the next checkpoints, twice stops it now."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from mtlray.running.policy import REQUEUE

# Time between the end of the grace period, when everything is stopped, and the end of this process at the latest.
_LAST_SECONDS = 5.0


class Stop:
    """What was asked of a running sweep. Trials save a checkpoint and end after `draining`; after `now` they are left."""

    def __init__(self, grace_seconds: float = 20.0) -> None:
        self.draining = threading.Event()
        self.now = threading.Event()
        self.requeue = False
        """Whether the system wants this process gone, and not a person or the sweep itself."""
        self.too_many_failed = False
        self._grace_seconds = grace_seconds
        self._timers: list[threading.Timer] = []

    @property
    def asked(self) -> bool:
        return self.draining.is_set() or self.now.is_set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGUSR1 come here; Ray and Tune set handlers of their own, so `listen` again after them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
        before = {number: signal.getsignal(number) for number in numbers}
        self.listen()
        try:
            yield
        except KeyboardInterrupt:
            self.now.set()
        finally:
            for timer in self._timers:
                timer.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)

    def listen(self) -> None:
        """Set the handlers. Nothing happens outside the main thread."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._on_interrupt)
            signal.signal(signal.SIGTERM, self._on_terminate)
            signal.signal(signal.SIGUSR1, self._on_terminate)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.asked:
            self.now.set()
            raise KeyboardInterrupt
        _say("Stopping at the next checkpoint of each running trial. Ctrl-C again stops now.")
        self.draining.set()

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.requeue:
            return
        self.requeue = True
        name = signal.Signals(number).name
        _say(
            f"{name}: running trials save a checkpoint, within {self._grace_seconds:g} s; exit code {REQUEUE} asks for a rerun."
        )
        self.draining.set()
        self._timers = [
            threading.Timer(self._grace_seconds, self.now.set),
            # Every file is whole at every moment, so that nothing is lost by leaving at once.
            threading.Timer(self._grace_seconds + _LAST_SECONDS, os._exit, [REQUEUE]),
        ]
        for timer in self._timers:
            timer.daemon = True
            timer.start()


def _say(text: str) -> None:
    """A line to the terminal, from within a signal handler."""
    with contextlib.suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
