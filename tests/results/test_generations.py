"""Two checkpoints of each trial: what is kept, what is fallen back to."""

import pytest

from mtlray.results.generations import Generations
from mtlray.storage.seal import BrokenSealError
from mtlray.storage.store import Store

FOLDER = f"trials/{'0' * 16}"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def files(store):
    return sorted(path.name for path in (store.local / FOLDER).iterdir())


def test_the_two_newest_are_kept(store):
    generations = Generations(store, FOLDER)
    assert generations.names() == []
    for data in (b"one", b"two", b"three"):
        generations.write(data)
    assert files(store) == ["checkpoint-2.pt", "checkpoint-3.pt"]
    again = Generations(store, FOLDER)
    assert [again.read(name) for name in again.names()] == [b"three", b"two"]
    again.write(b"four")
    assert files(store) == ["checkpoint-3.pt", "checkpoint-4.pt"]


def test_the_tenth_is_newer_than_the_ninth(store):
    generations = Generations(store, FOLDER)
    for n in range(10):
        generations.write(str(n).encode())
    assert Generations(store, FOLDER).names() == ["checkpoint-10.pt", "checkpoint-9.pt"]


def test_one_that_is_torn_is_named_and_set_aside(store):
    generations = Generations(store, FOLDER)
    generations.write(b"one")
    generations.write(b"two")
    path = store.local / FOLDER / "checkpoint-2.pt"
    path.write_bytes(path.read_bytes().replace(b"two", b"tvo"))
    with pytest.raises(BrokenSealError):
        generations.read("checkpoint-2.pt")
    assert generations.set_aside("checkpoint-2.pt") == "checkpoint-2.damaged"
    assert generations.names() == ["checkpoint-1.pt"]
    generations.write(b"two again")
    assert files(store) == ["checkpoint-1.pt", "checkpoint-2.damaged", "checkpoint-2.pt"]


def test_delete_takes_all_and_leaves_other_files(store):
    generations = Generations(store, FOLDER)
    generations.write(b"one")
    generations.write(b"two")
    store.write(f"{FOLDER}/attempt-1.log", b"")
    generations.delete()
    Generations(store, FOLDER).delete()
    assert files(store) == ["attempt-1.log"]


def test_an_old_checkpoint_without_a_number_is_read(store):
    store.write(f"{FOLDER}/checkpoint.pt", b"old")
    generations = Generations(store, FOLDER)
    assert [generations.read(name) for name in generations.names()] == [b"old"]
    generations.write(b"new")
    assert generations.names() == ["checkpoint-1.pt", "checkpoint.pt"]
