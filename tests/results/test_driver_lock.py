"""One driver a sweep: who is told, what is taken over, and what never is."""

import dataclasses
import json
import os
import subprocess
import sys
import time

import pytest
from bad_disk import NOT_KNOWN, NUMBERS, BadDisk, without_locks, words

from mtlray.errors import LaunchError, LostLockError, ResultsError, StoreError
from mtlray.results import driver_lock as locking
from mtlray.results.driver_lock import DriverLock
from mtlray.results.owner import Owner, described, holder, present, running
from mtlray.results.part import WHOLE, Part
from mtlray.storage.store import Store

QUICK = {"watch_seconds": 0.8, "beat_seconds": 0.1}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def leave(store, owner, part=WHOLE):
    """What a driver that was killed leaves behind."""
    Store(store.uri).write(part.file, json.dumps(dataclasses.asdict(owner)).encode())


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_taken_and_given_back(store):
    assert present(store) == {}
    with DriverLock(store, **QUICK) as lock:
        (owner,) = present(store).values()
        assert (owner.pid, owner.host) == (os.getpid(), Owner.me().host)
        lock.note_running(["b", "a"])
        assert present(store)[WHOLE].running == ("a", "b")
    assert present(store) == {}
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
    assert present(store) == {}
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
            assert present(store)
            with pytest.raises(LaunchError), DriverLock(store, **QUICK):
                pass
        assert not lock.lost.is_set()


def test_a_damaged_file_holds_nothing(store):
    store.write("driver.json", b'{"token"')
    assert present(store) == {}
    with DriverLock(store, **QUICK):
        pass


def test_of_two_that_come_at_once_to_an_object_store_the_last_writer_has_it(store):
    first, second = DriverLock(store, **QUICK), DriverLock(store, **QUICK)
    for lock in (first, second):  # neither holds a system's lock, as on an object store
        lock._store.write("driver.json", lock._text())
    with pytest.raises(LaunchError):
        first._settle()
    second._settle()


# -- a driver that was frozen, and another has taken over


def replaced(store):
    """What a driver of another host leaves that has taken over."""
    leave(store, dataclasses.replace(Owner.me(), token="theirs", host="elsewhere"))


def test_one_that_was_replaced_writes_nothing_over_what_replaced_it(store):
    """Its first act after it was frozen may be to note what runs, before its next beat."""
    with DriverLock(store, watch_seconds=0.8, beat_seconds=60) as lock:
        replaced(store)
        lock.note_running(["a"])
        assert lock.lost.is_set()
        assert holder(store).token == "theirs"
    assert holder(store).token == "theirs", "nor does it remove the file, whether it has heard of it or not"


def test_one_that_ends_before_it_hears_leaves_the_other_its_file(store):
    with DriverLock(store, watch_seconds=0.8, beat_seconds=60) as lock:
        replaced(store)
        with pytest.raises(LostLockError, match=r"Another `mtlray` \(process .* on elsewhere, since .*\) took over"):
            lock.check()
    assert holder(store).token == "theirs"


def test_the_store_of_one_that_was_replaced_changes_nothing(store):
    store.write("file", b"before")
    with DriverLock(store, watch_seconds=0.8, beat_seconds=60):
        store.write("file", b"under the lock")
        replaced(store)
        with pytest.raises(LostLockError):
            store.write("file", b"after")
        with pytest.raises(LostLockError):
            store.delete("file")
    assert store.read("file") == b"under the lock"
    store.write("file", b"without a lock")


def test_a_file_that_a_person_removed_is_written_anew(store):
    with DriverLock(store, watch_seconds=0.8, beat_seconds=60) as lock:
        store.guard = None
        store.delete("driver.json")
        lock.note_running([])
        assert not lock.lost.is_set()
        assert holder(store).token == lock.fence.token


# -- parts


def test_parts_of_one_division_work_beside_each_other(store):
    with DriverLock(store, Part(1, 2), **QUICK) as one, DriverLock(store, Part(2, 2), **QUICK) as two:
        one.note_running(["a"])
        two.note_running(["b"])
        assert {part: owner.running for part, owner in present(store).items()} == {
            Part(1, 2): ("a",),
            Part(2, 2): ("b",),
        }
        assert running(present(store)) == {"a", "b"}
        assert [text[:20] for text in described(present(store))] == ["part 1 of 2: process", "part 2 of 2: process"]
        assert not one.lost.is_set()
        assert not two.lost.is_set()
    assert present(store) == {}


@pytest.fixture(params=["locks", "no locks"])
def disk(request, monkeypatch):
    if request.param == "no locks":
        without_locks(monkeypatch, NOT_KNOWN[0])


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (WHOLE, Part(1, 2)),
        (Part(1, 2), WHOLE),
        (Part(1, 2), Part(1, 2)),
        (Part(1, 2), Part(1, 3)),
        (Part(1, 2), Part(2, 3)),
        (Part(1, 2), Part(2, 2, by_cell=True)),
    ],
)
def test_whole_and_parts_and_two_divisions_exclude_each_other(store, first, second):
    with DriverLock(store, first, **QUICK) as lock:
        with pytest.raises(LaunchError, match=f"process {os.getpid()} of"), DriverLock(store, second, **QUICK):
            pass
        lock.note_running(["a"])
        assert not lock.lost.is_set()
        assert holder(store, first).running == ("a",)
        assert holder(store, second) is None or second == first


@pytest.mark.usefixtures("disk")
def test_the_whole_replaces_a_silent_part_of_another_host_with_its_workers(store):
    gone = dataclasses.replace(Owner.me(), host="elsewhere", token="theirs")
    leave(store, gone, Part(1, 2))
    with DriverLock(store, **QUICK):
        assert holder(store, Part(1, 2)) is None, "or its workers would still be in the right"


def test_a_part_that_the_whole_has_replaced_hears_of_it(store):
    with DriverLock(store, Part(1, 2), watch_seconds=0.8, beat_seconds=60) as lock:
        lock._store.delete(Part(1, 2).file)
        replaced(store)
        lock.note_running(["a"])
        assert lock.lost.is_set()
        assert holder(store, Part(1, 2)) is None


def test_two_of_two_divisions_that_come_at_once_are_not_both_in(store):
    """Each looks before it writes, and again after."""
    one, two = DriverLock(store, Part(1, 2), **QUICK), DriverLock(store, Part(1, 3), **QUICK)
    for lock in (one, two):
        lock._take_system_locks()
        lock._wait_for_others()
    one._store.write(one._part.file, one._text())
    one._settle()
    two._store.write(two._part.file, two._text())
    with pytest.raises(LaunchError):
        two._settle()
    assert holder(store, Part(1, 3)) is None
    one._release()
    two._release()


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (
            Part(1, 2),
            Part(1, 2),
            ("working on part 1 of 2 of this sweep (part 1 of 2: process", "Give each job another --shard"),
        ),
        (
            Part(1, 2),
            Part(1, 3),
            ("a part of this sweep that was divided otherwise (part 1 of 2: ", "then runs what they left."),
        ),
        (Part(1, 2), WHOLE, ("working on parts of this sweep (part 1 of 2: process", "Wait until they have ended")),
        (WHOLE, Part(1, 2), ("working on this sweep (process", "Wait for it, or stop it")),
    ],
)
def test_whoever_comes_second_is_told_what_to_do(store, first, second, told):
    with (
        DriverLock(store, first, **QUICK),
        pytest.raises(LaunchError) as caught,
        DriverLock(store, second, **QUICK),
    ):
        pass
    assert all(text in str(caught.value) for text in told), caught.value


# -- disks that do not lock, and that cannot be read


@pytest.mark.parametrize("number", NOT_KNOWN, ids=words)
def test_without_locks_the_file_alone_decides(store, monkeypatch, number):
    without_locks(monkeypatch, number)
    with DriverLock(store, **QUICK) as lock:
        assert present(store)[WHOLE].pid == os.getpid()
        with pytest.raises(LaunchError, match=f"process {os.getpid()} of"), DriverLock(store, **QUICK):
            pass
        assert not lock.lost.is_set()
    assert present(store) == {}
    leave(store, dataclasses.replace(Owner.me(), pid=dead_pid()))
    with DriverLock(store, **QUICK):
        assert holder(store).pid == os.getpid()


@pytest.mark.parametrize("number", NUMBERS, ids=words)
def test_a_file_that_cannot_be_read_is_no_sign_that_nobody_holds_it(store, monkeypatch, number):
    elsewhere = dataclasses.replace(Owner.me(), host="elsewhere")
    leave(store, elsewhere)
    disk = BadDisk(monkeypatch)
    disk.fails("driver.json", number)
    with pytest.raises(StoreError, match=r"driver\.json should be readable"), DriverLock(store, **QUICK):
        pass
    with pytest.raises(StoreError):
        present(store)
    disk.heals()
    assert holder(store) == elsewhere


def test_a_folder_that_takes_no_file_is_told_with_the_remedy(store, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mtlray.storage.system_lock.os.open", refuse)
    with pytest.raises(ResultsError, match="Make that folder writable, or choose another place"), DriverLock(store):
        pass
