"""The system's lock: who waits for whom, when it is freed, and disks that have none."""

import signal
import subprocess
import sys
import threading

import pytest
from bad_disk import NOT_KNOWN, without_locks, words

from mtlray.storage.system_lock import NoLocksError, SystemLock, alone, is_locked


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


def taken(lock):
    if lock.take(0):
        lock.release()
        return True
    return False


@pytest.mark.parametrize(
    ("first", "second", "both"), [(False, False, False), (False, True, False), (True, False, False), (True, True, True)]
)
def test_only_shared_ones_are_held_at_once(path, first, second, both):
    one = SystemLock(path, shared=first)
    assert one.take(0)
    assert taken(SystemLock(path, shared=second)) is both
    one.release()
    one.release()
    assert taken(SystemLock(path, shared=second))


def test_whether_it_is_locked(path):
    assert not is_locked(path)
    lock = SystemLock(path)
    lock.take(0)
    assert is_locked(path)
    lock.release()
    assert not is_locked(path)
    assert path.exists(), "or one that waits would lock a file that nobody else sees"


def test_it_is_freed_when_its_holder_is_killed(path):
    code = (
        "import os, signal, sys, pathlib; from mtlray.storage.system_lock import SystemLock\n"
        "lock = SystemLock(pathlib.Path(sys.argv[1])); assert lock.take(0)\n"
        "print('held', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "held\n")
    assert taken(SystemLock(path))


def test_one_waits_for_the_other(path):
    order = []

    def second():
        with alone(path) as locked:
            order.append(("second", locked))

    with alone(path) as locked:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append(("first", locked))
    thread.join()
    assert order == [("first", True), ("second", True)]


@pytest.mark.parametrize("number", NOT_KNOWN, ids=words)
def test_a_disk_without_locks(path, monkeypatch, number):
    without_locks(monkeypatch, number)
    with pytest.raises(NoLocksError):
        SystemLock(path).take()
    path.touch()
    assert not is_locked(path)
    with alone(path) as one, alone(path) as other:
        assert (one, other) == (False, False)


def test_other_errors_are_the_disk_s(path, monkeypatch):
    without_locks(monkeypatch, 5)
    with pytest.raises(OSError, match="Input/output error") as caught, alone(path):
        pass
    assert not isinstance(caught.value, NoLocksError)
