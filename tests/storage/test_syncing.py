"""Disks that know no sync of folders, or none at all, take results; an error of a sync that there is stays one."""

import errno
import os

import pytest
from bad_disk import NOT_KNOWN, without_syncs, words

from mtlray.storage.store import Store
from mtlray.storage.syncing import sync_folder


@pytest.mark.parametrize("of_files", [False, True], ids=["of folders", "of all"])
@pytest.mark.parametrize("number", NOT_KNOWN, ids=words)
def test_a_disk_without_syncs_takes_files(tmp_path, monkeypatch, number, of_files):
    without_syncs(monkeypatch, number, of_files=of_files)
    store = Store(tmp_path)
    store.write("a/file", b"content")
    assert store.read("a/file") == b"content"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT], ids=words)
def test_a_sync_that_fails_is_an_error_and_leaves_nothing(tmp_path, monkeypatch, number):
    without_syncs(monkeypatch, number, of_files=True)
    with pytest.raises(OSError, match=os.strerror(number)):
        Store(tmp_path).write("file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_be_written_and_not_listed(tmp_path, monkeypatch):
    def closed(path, flags):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", closed)
    sync_folder(tmp_path)


def test_a_file_is_synced_by_a_descriptor_that_may_write(tmp_path, monkeypatch):
    """Some disks answer EBADF for one that may only read, and would leave the file unsynced."""
    opened = []
    real = os.open

    def note(path, flags, *mode):
        opened.append(flags & os.O_ACCMODE)
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", note)
    Store(tmp_path).write("file", b"content")
    assert opened == [os.O_RDWR, os.O_RDONLY], "the file, its folder"
