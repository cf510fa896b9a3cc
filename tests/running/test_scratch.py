"""The private folder of a launch: short, removed at its end, and by a later launch where it was killed."""

import contextlib
import os
import stat
import subprocess
import sys

import pytest

import mtlray.running.scratch as module
from mtlray.errors import LaunchError
from mtlray.running.scratch import LONGEST_PLACE, places, remove_leftovers, scratch, short_place


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The only place there is, and short enough."""
    monkeypatch.setattr(module, "LONGEST_PLACE", 1000)
    monkeypatch.setattr(module, "places", lambda: [tmp_path])
    return tmp_path


def test_a_folder_is_private_and_gone_afterwards(place):
    with scratch() as folder:
        assert folder.parent == place
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "session" / "sockets").mkdir(parents=True)
        (folder / "session" / "log").write_text("much")
    assert list(place.iterdir()) == []


def test_a_folder_goes_with_an_error_too(place):
    with contextlib.suppress(ZeroDivisionError), scratch() as folder:
        (folder / "code").mkdir()
        _ = 1 / 0
    assert list(place.iterdir()) == []


KILLED = """
import os, sys
import mtlray.running.scratch as module
from pathlib import Path
module.places, module.LONGEST_PLACE = lambda: [Path(sys.argv[1])], 1000
with module.scratch() as folder:
    (folder / "session").mkdir()
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_launch_left_is_removed_and_what_a_living_one_uses_is_not(place):
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", KILLED, place], check=False).returncode == -9
    with scratch() as mine:
        (mine / "session").mkdir()
        assert list(place.iterdir()) == [mine]
        with scratch() as another:
            assert sorted(place.iterdir()) == sorted([mine, another])
        remove_leftovers()
        assert (mine / "session").is_dir()
    assert list(place.iterdir()) == []


def test_what_a_dying_process_still_wrote_is_removed_the_next_time(place, monkeypatch):
    """Ray's processes outlive their driver by a second, and write to their folder."""
    assert subprocess.run([sys.executable, "-c", KILLED, place], check=False).returncode == -9
    rmdir = type(place).rmdir

    def written_to(path):
        if path.name.startswith(".mtlray-"):
            (path / "session").mkdir(exist_ok=True)
        rmdir(path)

    monkeypatch.setattr(module, "_REMOVING_SECONDS", 0.2)
    monkeypatch.setattr(type(place), "rmdir", written_to)
    remove_leftovers()
    assert len(list(place.iterdir())) == 1
    monkeypatch.setattr(type(place), "rmdir", rmdir)
    remove_leftovers()
    assert list(place.iterdir()) == []


def test_what_is_not_a_launch_s_is_never_removed(place):
    mine = place / ".mtlray-settings"
    mine.mkdir(mode=0o700)
    (mine / "precious").write_text("")
    (place / "mtlray-results").mkdir()
    outside = place / "elsewhere"
    outside.mkdir(mode=0o700)
    (outside / "launch").write_text("")
    (place / ".mtlray-aaaaaaaa").symlink_to(outside)
    before = sorted(place.rglob("*"))
    with scratch():
        pass
    assert sorted(place.rglob("*")) == before


def test_a_folder_that_others_may_write_is_left_alone(place):
    found = place / ".mtlray-bbbbbbbb"
    found.mkdir()
    found.chmod(0o777)
    (found / "launch").write_text("")
    remove_leftovers()
    assert found.exists()


def test_a_launch_that_was_killed_before_it_marked_its_folder(place):
    (place / ".mtlray-cccccccc").mkdir(mode=0o700)
    remove_leftovers()
    assert list(place.iterdir()) == []


def test_a_long_place_is_passed_over_for_a_short_one(tmp_path, monkeypatch):
    long = tmp_path / ("a" * 40)
    long.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    assert places()[0] == long
    found = short_place()
    assert found != long
    assert len(os.fsencode(found)) <= LONGEST_PLACE
    with scratch() as folder:
        socket = folder / "session_2026-11-28_07-39-44_903905_4194304" / "sockets" / "plasma_store"
        assert len(os.fsencode(socket)) <= 107


def test_no_place_is_short_enough(tmp_path, monkeypatch):
    long = tmp_path / ("a" * 40)
    long.mkdir()
    monkeypatch.setattr(module, "places", lambda: [long])
    with pytest.raises(LaunchError) as caught, scratch():
        pass
    assert str(caught.value) == (
        f"Ray keeps sockets in a temporary folder, whose path should have at most {LONGEST_PLACE} bytes. Found {long}. Set "
        "TMPDIR or RAY_TMPDIR to a shorter one, or run without Ray with --in-process."
    )


def test_no_place_at_all(monkeypatch):
    monkeypatch.setattr(module, "places", lambda: [])
    with pytest.raises(LaunchError, match="Found no folder that can be written"), scratch():
        pass


def test_a_place_that_goes_away(place, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "places", lambda: [tmp_path / "gone"])
    with pytest.raises(LaunchError, match=r"keeps temporary files in .*No such file"), scratch():
        pass
