"""Who else could change what lies at a path, and files that nobody else can read."""

import os

import pytest

from mtlray.storage import private
from mtlray.storage.private import not_private, write_private


def test_what_lies_below_a_folder_of_ones_own_is_private(tmp_path):
    assert not_private(tmp_path) is None
    (tmp_path / "file").write_text("")
    assert not_private(tmp_path / "file") is None


def test_each_may_remove_only_their_own_from_a_sticky_folder(tmp_path):
    (tmp_path / "tmp" / "mine").mkdir(parents=True)
    (tmp_path / "tmp").chmod(0o1777)
    assert not_private(tmp_path / "tmp" / "mine") is None
    assert not_private(tmp_path / "tmp").startswith("Others may write")
    (tmp_path / "tmp").chmod(0o777)
    assert not_private(tmp_path / "tmp" / "mine").startswith(f"Others may write to {tmp_path}/tmp.")


def test_a_group_of_one_is_nobody_else(tmp_path, monkeypatch):
    tmp_path.chmod(0o770)
    monkeypatch.setattr(private, "_is_own_group", lambda number: number == tmp_path.stat().st_gid)
    assert not_private(tmp_path) is None
    monkeypatch.setattr(private, "_is_own_group", lambda number: False)
    assert not_private(tmp_path).startswith(f"Others may write to {tmp_path}.")


def test_a_link_through_a_folder_of_others_is_followed_there(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "open" / "second").symlink_to("../mine")
    (tmp_path / "first").symlink_to(tmp_path / "open" / "second")
    assert not_private(tmp_path / "first") is None
    (tmp_path / "open").chmod(0o777)
    assert not_private(tmp_path / "first").startswith(f"Others may write to {tmp_path}/open.")


def test_a_circle_of_links_ends(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many symbolic links"):
        not_private(tmp_path / "a")


def test_a_private_file_is_never_readable_by_others(tmp_path):
    before = os.umask(0)
    try:
        write_private(tmp_path / "token", "secret")
    finally:
        os.umask(before)
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "token").read_text() == "secret"
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "token", "another")
