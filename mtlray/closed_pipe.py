"""Closed streams: a command whose output nobody reads any more, as in `| head`, ends by SIGPIPE and silently, as Unix tools do.

One that was started without a standard stream, as by `<&-`, gets an empty one.
"""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator


def open_missing_streams() -> None:
    """Open what the shell closed of the three standard streams, or the next file that is opened would take its place."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


@contextlib.contextmanager
def ends_with_its_reader() -> Iterator[None]:
    """Around a command: where its standard output is a pipe that is closed at the other end, end the process by SIGPIPE.

    Python ignores that signal, so a write raises BrokenPipeError instead; what stands in `finally` has then run. Other
    exceptions pass, and so does a BrokenPipeError that is about something else.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # here and not at exit, where Python would complain
    except BrokenPipeError:
        _end()
        raise
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # typer makes an exit of it
            _end()
        raise


def _end() -> None:
    """Die by SIGPIPE, unless somebody still reads."""
    try:
        poll = select.poll()
        poll.register(1, 0)
        unread = any(event & select.POLLERR for _, event in poll.poll(0))
    except (AttributeError, OSError):  # not a Unix
        return
    if unread:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
