"""Prepared data on disks without locks or syncs, and on one that does not let itself be read."""

import json

import numpy as np
import pytest
from bad_disk import NOT_KNOWN, NUMBERS, BadDisk, without_locks, without_syncs, words
from faultlib import tree

from mtlray.data.files import prepared
from mtlray.errors import StoreError

ARRAYS = {"a": np.arange(6, dtype=np.uint8)}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.mark.parametrize("number", NOT_KNOWN, ids=words)
def test_without_locks_and_syncs(folder, monkeypatch, number):
    without_locks(monkeypatch, number)
    without_syncs(monkeypatch, number, of_files=True)
    mark = prepared.prepare(folder, lambda: ARRAYS)
    assert prepared.load(folder)[1] == mark


def test_of_two_that_make_it_at_once_without_locks_the_first_one_s_stays(folder, monkeypatch):
    without_locks(monkeypatch, NOT_KNOWN[0])
    first = []

    def make():
        if not first:
            first.append(None)  # another process comes, and is faster
            first[0] = prepared.prepare(folder, lambda: {"a": np.zeros(2, np.uint8)})
        return ARRAYS

    assert prepared.prepare(folder, make) == first[0] == prepared.load(folder)[1]
    assert [path.name for path in folder.parent.iterdir() if path.name.endswith(".tmp")] == []


def test_without_locks_nobody_takes_away_what_another_is_making(folder, monkeypatch):
    without_locks(monkeypatch, NOT_KNOWN[0])
    theirs = folder.with_name(".data.12345678.tmp")
    theirs.mkdir()
    prepared.prepare(folder, lambda: ARRAYS)
    assert theirs.is_dir()


@pytest.mark.parametrize("number", NUMBERS, ids=words)
@pytest.mark.parametrize("part", ["meta.json", "a.npy"])
def test_a_disk_that_cannot_be_read_is_no_damage(folder, monkeypatch, part, number):
    mark = prepared.prepare(folder, lambda: ARRAYS)
    before = tree(folder)
    disk = BadDisk(monkeypatch)
    disk.fails(part, number)
    with pytest.raises(StoreError, match=r"should be readable|it cannot be read"):
        prepared.load(folder)
    if part == "meta.json":
        with pytest.raises(StoreError, match=r"should be readable|it cannot be read"):
            prepared.prepare(folder, lambda: pytest.fail("it is there"))
    disk.heals()
    assert tree(folder) == before
    assert prepared.load(folder)[1] == mark


@pytest.mark.parametrize("part", ["meta.json", "a.npy"])
def test_one_that_comes_back_costs_nothing(folder, monkeypatch, part):
    mark = prepared.prepare(folder, lambda: ARRAYS)
    disk = BadDisk(monkeypatch)
    disk.fails(part, NUMBERS[0], times=3)
    assert prepared.load(folder)[1] == mark
    assert disk.failures == 3


def test_what_is_wrong_is_damaged_all_the_same(folder, monkeypatch):
    prepared.prepare(folder, lambda: ARRAYS)
    record = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**record, "fingerprint": "0" * 16}))
    BadDisk(monkeypatch).fails("a.npy", NUMBERS[0], times=2)
    with pytest.raises(prepared.DataError, match="is damaged"):
        prepared.load(folder)
