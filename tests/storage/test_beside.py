"""A file or folder that is written beside its place has its name once it is whole, whenever the process dies."""

import contextlib
import multiprocessing
import os
import signal

import pytest

from mtlray.storage.beside import new_file, new_folder, remove_leftovers

SPAWN = multiprocessing.get_context("spawn")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def die_within(make, path):
    with make(path) as temporary:
        (temporary / "half" if make is new_folder else temporary).write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)


def write_together(make, path, barrier, number):
    content = str(number) * 100_000
    with contextlib.suppress(OSError) if make is new_folder else contextlib.nullcontext(), make(path) as temporary:
        barrier.wait()
        (temporary / "content" if make is new_folder else temporary).write_text(content)


def run(target, *arguments):
    processes = [SPAWN.Process(target=target, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def test_a_file_has_its_name_after_the_block(tmp_path):
    with new_file(tmp_path / "file") as temporary:
        assert temporary.parent == tmp_path
        temporary.write_text("whole")
        assert not (tmp_path / "file").exists()
    assert (tmp_path / "file").read_text() == "whole"
    assert names(tmp_path) == ["file"]


def test_a_folder_has_its_name_after_the_block(tmp_path):
    with new_folder(tmp_path / "folder") as temporary:
        (temporary / "a").write_text("a")
        assert not (tmp_path / "folder").exists()
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["a"]


def write_and_raise(make, path, error):
    with make(path) as temporary:
        (temporary / "half" if make is new_folder else temporary).write_text("half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path, error):
    (tmp_path / "file").write_text("old")
    with pytest.raises(error):
        write_and_raise(new_file, tmp_path / "file", error)
    with pytest.raises(error):
        write_and_raise(new_folder, tmp_path / "folder", error)
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), new_file(tmp_path / "file", durable=False):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("make", [new_file, new_folder])
def test_a_killed_process_leaves_nothing_under_the_name(tmp_path, make):
    path = tmp_path / "data"
    assert run(die_within, (make, path)) == [-signal.SIGKILL]
    assert not path.exists()
    assert len(names(tmp_path)) == 1
    remove_leftovers(path)
    assert names(tmp_path) == []


def test_leftovers_of_other_names_stay(tmp_path):
    for name in (".data.more.12345678.tmp", ".other.12345678.tmp", "data.tmp"):
        (tmp_path / name).touch()
    before = names(tmp_path)
    (tmp_path / ".data.12345678.tmp").touch()
    remove_leftovers(tmp_path / "data")
    assert names(tmp_path) == sorted(before)


@pytest.mark.parametrize("make", [new_file, new_folder])
def test_two_processes_at_once_give_the_content_of_one(tmp_path, make):
    path, barrier = tmp_path / "data", SPAWN.Barrier(2)
    assert run(write_together, (make, path, barrier, 1), (make, path, barrier, 2)) == [0, 0]
    content = (path / "content" if make is new_folder else path).read_text()
    assert content in {"1" * 100_000, "2" * 100_000}
    assert names(tmp_path) == ["data"]


def test_temporary_names_do_not_collide(tmp_path):
    with new_file(tmp_path / "file") as first, new_file(tmp_path / "file") as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert (tmp_path / "file").read_text() == "1", "the outer block ends last"


@pytest.mark.parametrize(("durable", "n_syncs"), [(True, 2), (False, 0)])
def test_a_durable_file_and_its_folder_are_synced(tmp_path, monkeypatch, durable, n_syncs):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with new_file(tmp_path / "file", durable=durable) as temporary:
        temporary.touch()
    assert len(synced) == n_syncs
