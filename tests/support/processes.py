"""The processes of a launch: its driver's, and those of the Ray that it started."""

import contextlib
import os
import signal
from pathlib import Path


def family(driver):
    """Command lines of the processes that came from a driver, by process."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {driver}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    lines = {}
    for pid in found - {driver}:
        with contextlib.suppress(OSError):
            if words := Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                lines[pid] = [word.decode(errors="replace") for word in words]
    return lines


def raylets(driver):
    return [pid for pid, words in family(driver).items() if words[0].endswith("/raylet/raylet")]


def control_processes(driver):
    return [pid for pid, words in family(driver).items() if words[0].endswith("/gcs/gcs_server")]


def workers(driver):
    """Those that run trials, or are about to."""
    return sorted(pid for pid, words in family(driver).items() if words[0].startswith("ray::ImplicitFunc"))


def is_alive(pid):
    """Whether a process is there and is no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself a moment ago
        os.kill(pid, number)


def kill_all(pids):
    for pid in pids:
        send(pid, signal.SIGKILL)
