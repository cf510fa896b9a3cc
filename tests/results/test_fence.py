"""Fencing: what a worker of a driver that was replaced may still change. Nothing, on a disk and on an object store."""

import dataclasses
import json
import pickle

import pytest
from life import DATASET, tables

from mtlray.errors import LostLockError
from mtlray.results import fence as fencing
from mtlray.results.fence import Fence
from mtlray.results.ledger import Ledger
from mtlray.results.owner import Owner
from mtlray.results.part import WHOLE, Part
from mtlray.storage.store import Store

ID = f"{0:016x}"


@pytest.fixture(params=["disk", "object store"])
def results(request, tmp_path):
    return str(tmp_path) if request.param == "disk" else request.getfixturevalue("uri")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(fencing, "_PAUSES", (0.0,))


def held(results, token, part=WHOLE):
    owner = dataclasses.replace(Owner.me(), token=token)
    Store(f"{results}/sweep").write(part.file, json.dumps(dataclasses.asdict(owner)).encode())


def contents(results):
    store = Store(f"{results}/sweep")
    folders = ["", "summary", f"curves/{DATASET}", f"trials/{ID}"]
    names = [f"{folder}/{name}".lstrip("/") for folder in folders for name in store.sizes(folder)]
    return {name: store.read(name) for name in names}


def worker(results, part=WHOLE):
    """The ledger that a worker is sent."""
    return Ledger(results, "sweep", fence=pickle.loads(pickle.dumps(Fence("mine", part))))


WRITES = {
    "commit": lambda ledger: ledger.commit(ID, DATASET, *tables(ID)),
    "failure": lambda ledger: ledger.commit(ID, DATASET, None, tables(ID, "failed")[1]),
    "attempt": lambda ledger: ledger.folder(ID).begin("launch", "host", 1),
    "end of an attempt": lambda ledger: ledger.folder(ID).finish(ledger.folder(ID).attempts(), "finished", ""),
    "log": lambda ledger: ledger.folder(ID).write_log(1, "text"),
    "checkpoint": lambda ledger: ledger.folder(ID).checkpoints.write(b"state"),
    "checkpoints gone": lambda ledger: ledger.folder(ID).checkpoints.delete(),
    "sweep": lambda ledger: ledger.write_sweep({"trials": []}),
    "retry": lambda ledger: ledger.forget([ID]),
    "merge": lambda ledger: ledger.compact(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_nothing_is_changed_for_a_driver_that_was_replaced(results, write):
    held(results, "mine")
    ledger = worker(results)
    ledger.folder(ID).begin("launch", "host", 1)
    ledger.folder(ID).checkpoints.write(b"before")
    ledger.commit(ID, DATASET, *tables(ID))
    held(results, "theirs")
    before = contents(results)
    with pytest.raises(LostLockError, match="took over"):
        write(ledger)
    assert contents(results) == before


def test_nothing_is_written_once_the_driver_has_ended(results):
    held(results, "mine")
    ledger = worker(results)
    Store(f"{results}/sweep").delete("driver.json")
    with pytest.raises(LostLockError, match="it has ended, or another one took over"):
        ledger.commit(ID, DATASET, *tables(ID))
    assert contents(results) == {}


def test_a_part_has_a_fence_of_its_own(results):
    held(results, "mine", Part(1, 2))
    held(results, "theirs", Part(2, 2))
    worker(results, Part(1, 2)).commit(ID, DATASET, *tables(ID))
    with pytest.raises(LostLockError):
        worker(results, Part(2, 2)).commit(ID, DATASET, *tables(ID))


def test_readers_need_no_right(results):
    held(results, "theirs")
    assert worker(results).records() == ({}, [])


def test_one_that_is_replaced_while_it_writes_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    """On a disk a file gets its name as the last step, and the right to it is looked at right before."""
    held(tmp_path, "mine")
    ledger = worker(str(tmp_path))
    ledger.write_sweep({"trials": ["before"]})

    def replaced_meanwhile(descriptor):
        monkeypatch.undo()
        held(tmp_path, "theirs")

    monkeypatch.setattr("mtlray.storage.beside.sync_file", replaced_meanwhile)
    with pytest.raises(LostLockError):
        ledger.write_sweep({"trials": ["after"]})
    assert ledger.read_sweep() == {"trials": ["before"]}
    assert [path.name for path in ledger.store.local.iterdir() if path.name.endswith(".tmp")] == []
