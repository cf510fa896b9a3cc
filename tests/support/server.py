"""Runs the command line in forks of a process that has imported everything already, so that a killed driver costs a second.

Each message on the socket that it is given is a JSON object, `args`, `env`, `output` (a file) and `file_bytes` (a limit, or
null), and comes with the writing end of a pipe that belongs to this one command. On that pipe the server says the process
number, and the exit code once the process has ended (minus the signal that killed it).
"""

import contextlib
import json
import os
import resource
import signal
import socket
import sys
import tempfile


def preload():
    import mtlray.analysis.tables
    import mtlray.cli
    import mtlray.launch
    import mtlray.running.in_process
    import mtlray.strategies

    return mtlray.analysis.tables, mtlray.cli, mtlray.launch, mtlray.running.in_process, mtlray.strategies


def child(request):
    """The command, in a process group of its own; never returns."""
    code = 70
    try:
        os.setpgid(0, 0)
        os.environ.update(request["env"])
        tempfile.tempdir = None  # found anew, where TMPDIR is among these
        with open(request["output"], "wb", buffering=0) as file:  # noqa: PTH123
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
        if request["file_bytes"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"], request["file_bytes"]))
        sys.argv = ["mtlray", *request["args"]]
        from mtlray.cli import main

        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def keeper(request, pipe):
    """Waits for the command, so that the server is ready for the next one; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(pipe)
        child(request)
    with contextlib.suppress(OSError):  # the test may have ended
        os.write(pipe, f"{pid}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.write(pipe, f"{code}\n".encode())
    os._exit(0)


def main():
    _ = preload()
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    requests.send(b"ready")
    while True:
        message, (*pipes,), _, _ = socket.recv_fds(requests, 1 << 20, 1)
        if not message:
            return
        (pipe,) = pipes
        if os.fork() == 0:
            requests.close()
            keeper(json.loads(message), pipe)
        os.close(pipe)


if __name__ == "__main__":
    main()
