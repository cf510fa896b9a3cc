"""Files are there whole or not at all."""

import os

import pytest

from mtlray.errors import ResultsError
from mtlray.storage.store import Store


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(params=["path", "file uri", "pyarrow file system"])
def store(request, tmp_path, monkeypatch):
    """The same store by each of its ways; the last one goes through pyarrow.fs as an object store would."""
    if request.param == "path":
        return Store(tmp_path)
    if request.param == "file uri":
        return Store(f"file://{tmp_path}")
    made = Store(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)  # an object store has no folders to make
    made.local = None
    return made


def test_write_read_names_delete(store):
    store.write("a/b/one.txt", b"1")
    store.write("a/b/two.txt", b"")
    assert store.read("a/b/one.txt") == b"1"
    assert store.read("a/b/two.txt") == b""
    assert store.names("a/b") == ["one.txt", "two.txt"]
    assert store.names("a") == ["b"]
    store.write("a/b/one.txt", b"another")
    assert store.read("a/b/one.txt") == b"another"
    store.delete("a/b/one.txt")
    store.delete("a/b/one.txt")
    assert store.names("a/b") == ["two.txt"]
    assert store.exists("a/b/two.txt")
    assert not store.exists("a/b/one.txt")


def test_what_is_not_there(store):
    assert store.names("nowhere") == []
    assert not store.exists("nowhere")
    store.delete("nowhere/file")
    with pytest.raises(FileNotFoundError):
        store.read("nowhere/file")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.write("file", b"old")

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        store.write("file", b"new")
    assert store.read("file") == b"old"
    assert everything(tmp_path) == ["file"]


def test_the_name_appears_after_the_content_is_durable(tmp_path, monkeypatch):
    store, seen = Store(tmp_path), []

    def note(descriptor):
        seen.append(store.names("."))
        return None

    monkeypatch.setattr(os, "fsync", note)
    store.write("file", b"new")
    assert seen == [[], ["file"]], "content, rename, folder"


def test_temporary_files_of_killed_writers_are_passed_over(tmp_path):
    (tmp_path / ".file.12345678.tmp").write_bytes(b"half")
    store = Store(tmp_path)
    store.write("file", b"whole")
    assert store.names(".") == ["file"]


def test_where(tmp_path):
    assert Store(tmp_path).where("a/b") == f"{tmp_path}/a/b"
    assert Store(f"file://{tmp_path}").where("a") == f"{tmp_path}/a"


def test_a_uri_that_nobody_knows():
    with pytest.raises(ResultsError) as caught:
        Store("ftp://host/results")
    assert str(caught.value).startswith(
        "`ftp://host/results` should be a folder or a URI that pyarrow knows (s3://, gs://, hdfs://). Found: "
    )


@pytest.mark.parametrize("path", ["../outside.txt", "a/../../outside.txt", "/etc/hostname", "a/..", "a\0b", ".."])
def test_no_name_leads_out_of_the_folder(store, path, tmp_path):
    store.uri = "the results"
    for act in (
        store.read,
        store.exists,
        store.delete,
        store.delete_folder,
        store.names,
        store.sizes,
        lambda p: store.write(p, b""),
    ):
        with pytest.raises(ResultsError, match="Names in the results should be those of files and folders in it"):
            act(path)


def test_a_root_that_is_the_name_of_no_folder():
    with pytest.raises(ResultsError, match="which is the name of none"):
        Store("a\0b")


def test_a_folder_goes_with_what_killed_writes_left_in_it(tmp_path):
    store = Store(tmp_path)
    store.write("trials/x/a", b"1")
    store.write("trials/y/a", b"1")
    (tmp_path / "trials" / "x" / ".a.0123abcd.tmp").write_bytes(b"half")
    store.delete_folder("trials/x")
    store.delete_folder("trials/never")
    assert store.names("trials") == ["y"]
    assert store.names("trials/y") == ["a"]
