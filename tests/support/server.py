"""Runs the command line in forks of a process that has imported everything already, so that a killed driver costs a second.

Each line of its input is a JSON object: `args`, `env`, `output` (a file), and `file_bytes` (a limit, or null). For each it
prints the process number, and the exit code once the process has ended (minus the signal that killed it).
"""

import contextlib
import json
import os
import resource
import sys


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


def main():
    _ = preload()
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(request)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
