"""Prepared arrays: whole or not at all, whoever else prepares, whenever the process dies."""

import errno
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from mtlray.data.files import prepared
from mtlray.errors import DataError

ARRAYS = {"a": np.arange(6, dtype=np.uint8).reshape(2, 3), "b": np.zeros((0, 4), np.uint8)}
SPAWN = multiprocessing.get_context("spawn")


def make():
    return dict(ARRAYS)


def slow_make(folder):
    """Note that it was called, and take a while."""
    (folder.parent / f"made-by-{os.getpid()}").touch()
    time.sleep(0.3)
    return make()


def prepare_slowly(folder, barrier, queue):
    barrier.wait()
    queue.put(prepared.prepare(folder, lambda: slow_make(folder)))


def die_while_writing(folder):
    """Killed by the system when one array is on disk and the next is not."""

    def fsync(descriptor):
        del descriptor
        os.kill(os.getpid(), signal.SIGKILL)

    prepared.os.fsync = fsync
    prepared.prepare(folder, make)


def die_while_making(folder):
    def make_and_die():
        os.kill(os.getpid(), signal.SIGKILL)

    prepared.prepare(folder, make_and_die)


def test_round_trip(tmp_path):
    mark = prepared.prepare(tmp_path / "data", make)
    arrays, found = prepared.load(tmp_path / "data")
    assert found == mark == prepared.fingerprint(ARRAYS)
    assert {name: array.tolist() for name, array in arrays.items()} == {n: a.tolist() for n, a in ARRAYS.items()}
    assert arrays["a"].dtype == torch.uint8


def test_made_once(tmp_path):
    mark = prepared.prepare(tmp_path / "data", make)
    assert prepared.prepare(tmp_path / "data", lambda: pytest.fail("made again")) == mark


def test_fingerprint_is_known_and_sees_names_shapes_dtypes_and_bytes():
    assert prepared.fingerprint(ARRAYS) == "56acb3b71e60f6cd"
    a, b = ARRAYS["a"], ARRAYS["b"]
    others = [
        {"a": a},
        {"a": a, "c": b},
        {"a": a.reshape(3, 2), "b": b},
        {"a": a.view(np.int8), "b": b},
        {"a": a + 1, "b": b},
    ]
    marks = [prepared.fingerprint(arrays) for arrays in (ARRAYS, *others)]
    assert len(set(marks)) == len(marks)
    assert prepared.fingerprint({"b": b, "a": np.asfortranarray(a)}) == marks[0]


def test_two_processes_at_once_make_it_once(tmp_path):
    barrier, queue = SPAWN.Barrier(2), SPAWN.Queue()
    workers = [SPAWN.Process(target=prepare_slowly, args=(tmp_path / "data", barrier, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    marks = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert marks == [prepared.fingerprint(ARRAYS)] * 2
    assert len(list(tmp_path.glob("made-by-*"))) == 1


@pytest.mark.parametrize("death", [die_while_making, die_while_writing])
def test_killed_while_preparing_leaves_nothing_half_made(death, tmp_path):
    worker = SPAWN.Process(target=death, args=(tmp_path / "data",))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    assert not (tmp_path / "data").exists()
    with pytest.raises(DataError, match="Found nothing there"):
        prepared.load(tmp_path / "data")

    mark = prepared.prepare(tmp_path / "data", make)
    assert prepared.load(tmp_path / "data")[1] == mark
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["data"], "the leftover should be gone"


def test_an_error_while_making_leaves_nothing(tmp_path):
    def fail():
        raise DataError("no such source")

    with pytest.raises(DataError, match="no such source"):
        prepared.prepare(tmp_path / "data", fail)
    assert prepared.prepare(tmp_path / "data", make)


def damaged_text(folder, found):
    return (
        f"The prepared data in {folder} is damaged: {found}. Remove that folder and run `mtlray data prepare`, or "
        "`mtlray data import` again for data that you brought."
    )


def test_changed_byte_is_found(tmp_path):
    folder = tmp_path / "data"
    mark = prepared.prepare(folder, make)
    content = bytearray((folder / "a.npy").read_bytes())
    content[-1] ^= 1
    (folder / "a.npy").write_bytes(content)
    found = prepared.fingerprint({**ARRAYS, "a": np.array([[0, 1, 2], [3, 4, 4]], np.uint8)})
    with pytest.raises(DataError) as caught:
        prepared.load(folder)
    assert str(caught.value) == damaged_text(folder, f"fingerprint {found} where {mark} is on record")


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "a.npy").unlink(),
        lambda folder: (folder / "a.npy").write_bytes((folder / "a.npy").read_bytes()[:-3]),
        lambda folder: (folder / "a.npy").write_bytes(b""),
        lambda folder: (folder / "meta.json").write_text("{"),
        lambda folder: (folder / "meta.json").write_text("{}"),
        lambda folder: (folder / "meta.json").write_text("[]"),
        lambda folder: (folder / "meta.json").write_text(json.dumps({"fingerprint": "0" * 16})),
    ],
    ids=["missing", "cut short", "empty", "torn record", "empty record", "list for a record", "record without arrays"],
)
def test_damage_is_an_error_that_names_the_folder(damage, tmp_path):
    folder = tmp_path / "data"
    prepared.prepare(folder, make)
    damage(folder)
    with pytest.raises(DataError, match=f"The prepared data in {folder} is damaged: "):
        prepared.load(folder)


@pytest.mark.parametrize("name", ["meta.json", "a.npy"])
def test_trouble_with_the_disk_is_not_damage(name, tmp_path, monkeypatch):
    folder = tmp_path / "data"
    mark = prepared.prepare(folder, make)

    def trouble(original):
        def read(path, *arguments, **options):
            if path.name == name:
                raise OSError(errno.EIO, "Input/output error", str(path))
            return original(path, *arguments, **options)

        return read

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", trouble(Path.read_bytes))
        patch.setattr(Path, "open", trouble(Path.open))
        with pytest.raises(OSError, match=r"Input/output error\). Check the disk or the network share"):
            prepared.load(folder)
    assert prepared.load(folder)[1] == mark, "it may be read again"


def test_another_generation_is_refused(tmp_path):
    folder = tmp_path / "data"
    prepared.prepare(folder, make)
    record = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(record | {"generation": 0}))
    for read in (prepared.load, lambda folder: prepared.prepare(folder, make)):
        with pytest.raises(DataError) as caught:
            read(folder)
        assert str(caught.value) == (
            f"The prepared data in {folder} should be of generation 1. Found generation 0, made by "
            "another mtlray. Remove that folder and run `mtlray data prepare`, or `mtlray data import` again for data that you "
            "brought."
        )


def test_a_record_without_a_generation_is_of_the_first(tmp_path):
    folder = tmp_path / "data"
    mark = prepared.prepare(folder, make)
    (folder / "meta.json").write_text(json.dumps({"fingerprint": mark, "arrays": ["a", "b"]}))
    assert prepared.load(folder)[1] == prepared.prepare(folder, make) == mark


def test_nothing_there(tmp_path):
    with pytest.raises(DataError) as caught:
        prepared.load(tmp_path / "data")
    assert str(caught.value) == (
        f"Prepared data should lie in {tmp_path / 'data'}. Found nothing there. Run `mtlray data prepare`."
    )


def test_a_place_that_takes_no_data(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError) as caught:
        prepared.prepare(tmp_path / "file" / "data", make)
    assert str(caught.value).startswith(f"Prepared data should be written to {tmp_path / 'file' / 'data'}. Found: ")
    assert str(caught.value).endswith("Free space there, or choose another place with --data.")
