"""One driver a sweep: who is told, what is taken over, and what never is."""

import dataclasses
import json
import os
import subprocess
import sys
import time

import pytest

from mtlray.errors import LaunchError
from mtlray.results import driver_lock as locking
from mtlray.results.driver_lock import DriverLock
from mtlray.results.owner import Owner, holder, present
from mtlray.storage.store import Store

QUICK = {"watch_seconds": 0.8, "beat_seconds": 0.1}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def leave(store, owner, part=WHOLE):
    """What a driver that was killed leaves behind."""
    store.write(part.file, json.dumps(dataclasses.asdict(owner)).encode())


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_taken_and_given_back(store):
    assert present(store) is None
    with DriverLock(store, **QUICK) as lock:
        owner = present(store)
        assert (owner.pid, owner.host) == (os.getpid(), Owner.me().host)
        lock.note_running(["b", "a"])
        assert present(store).running == ("a", "b")
    assert present(store) is None
    assert holder(store) is None


def test_a_second_driver_is_told_who_holds_it(store):
    with DriverLock(store, **QUICK), pytest.raises(LaunchError) as caught, DriverLock(store, **QUICK):
        pass
    owner = Owner.me()
    assert f"(process {os.getpid()} of {owner.user} on {owner.host}, since " in str(caught.value)
    assert str(caught.value).endswith("Wait for it, or stop it; `mtlray status` shows its progress.")


def test_a_dead_process_of_this_machine_is_replaced_at_once(store):
    leave(store, dataclasses.replace(Owner.me(), pid=dead_pid()))
    began = time.monotonic()
    with DriverLock(store, watch_seconds=60):
        assert holder(store).pid == os.getpid()
    assert time.monotonic() - began < 5


def test_another_process_with_the_same_number_is_not_the_owner(store):
    leave(store, dataclasses.replace(Owner.me(), process_start="1"))
    assert present(store) is None
    with DriverLock(store, watch_seconds=60):
        pass


@pytest.fixture(params=[0, 86_400, -86_400], ids=["right", "a day ahead", "a day behind"])
def clock(request, monkeypatch):
    """The wall clock of the driver that comes second."""
    monkeypatch.setattr(locking.time, "time", lambda right=time.time: right() + request.param)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"boot": "an earlier one/pid:[1]"}])
def test_a_silent_driver_elsewhere_is_watched_and_then_replaced(store, changes):
    changes = {**changes, "beat_at": time.time()}
    leave(store, dataclasses.replace(Owner.me(), **changes))
    began = time.monotonic()
    with DriverLock(store, **QUICK):
        assert time.monotonic() - began >= QUICK["watch_seconds"]
        assert holder(store).host == Owner.me().host


@pytest.mark.usefixtures("clock")
def test_a_driver_elsewhere_that_beats_is_never_replaced(store, monkeypatch):
    elsewhere = dataclasses.replace(Owner.me(), host="elsewhere", pid=12)
    leave(store, elsewhere)
    beats = iter(range(1, 1000))

    def sleep(seconds, real=time.sleep):
        leave(store, dataclasses.replace(elsewhere, beat=next(beats)))
        real(0.01)

    monkeypatch.setattr(locking.time, "sleep", sleep)
    with pytest.raises(LaunchError, match="process 12 of"), DriverLock(store, **QUICK):
        pass
    assert holder(store).host == "elsewhere"


def test_a_live_process_of_this_machine_is_never_replaced(store):
    """Where the system's lock does not work, as on some network disks, the file alone protects it."""
    leave(store, Owner.me())
    with pytest.raises(LaunchError), DriverLock(store, **QUICK):
        pass


def test_a_driver_that_was_replaced_hears_of_it(store):
    heard = []
    with DriverLock(store, **QUICK) as lock:
        lock.on_loss = lambda: heard.append(True)
        leave(store, dataclasses.replace(Owner.me(), host="elsewhere"))
        assert lock.lost.wait(10)
    assert heard == [True]
    assert holder(store).host == "elsewhere", "it does not take away what is no longer its own"


def test_a_wall_clock_that_jumps_costs_no_driver_its_sweep(store, monkeypatch):
    with DriverLock(store, **QUICK) as lock:
        for seconds in (86_400, -86_400):
            monkeypatch.setattr(locking.time, "time", lambda off=seconds: off)
            beat = holder(store).beat
            deadline = time.monotonic() + 10
            while holder(store).beat < beat + 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert holder(store).beat >= beat + 2, "it goes on beating"
            assert present(store) is not None
            with pytest.raises(LaunchError), DriverLock(store, **QUICK):
                pass
        assert not lock.lost.is_set()


def test_a_damaged_file_holds_nothing(store):
    store.write("driver.json", b'{"token"')
    assert present(store) is None
    with DriverLock(store, **QUICK):
        pass


def test_of_two_that_come_at_once_to_an_object_store_the_last_writer_has_it(store):
    first, second = DriverLock(store, **QUICK), DriverLock(store, **QUICK)
    for lock in (first, second):
        lock._path = None  # as on an object store
    first._store.write("driver.json", first._text())
    second._store.write("driver.json", second._text())
    with pytest.raises(LaunchError):
        first._settle()
    second._settle()
