"""The compiled kernel is made once, and where it cannot be made the reason is said."""

import ctypes
import errno
import os
import shutil
import stat
import subprocess
import sys

import pytest

from mtlray.errors import SpecError
from mtlray.models.kernels import build, choose_kernel, fused_unavailable
from mtlray.storage.system_lock import alone

needs_compiler = pytest.mark.skipif(fused_unavailable() is not None, reason=str(fused_unavailable()))


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """No library known yet, and an empty folder for one."""
    monkeypatch.setenv("MTLRAY_KERNELS", str(tmp_path / "kernels"))
    build._library.cache_clear()
    yield tmp_path / "kernels"
    build._library.cache_clear()


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@needs_compiler
def test_it_is_compiled_once(fresh):
    assert choose_kernel("fused") == choose_kernel("auto") == "fused"
    (made,) = fresh.glob("*.so")
    before = made.stat().st_mtime_ns
    build._library.cache_clear()
    assert choose_kernel("auto") == "fused"
    assert made.stat().st_mtime_ns == before
    assert {path.suffix for path in fresh.iterdir()} == {".so", ".lock"}  # nothing half-made is left


@needs_compiler
def test_processes_that_start_at_once_share_one(fresh):
    code = "from mtlray.models.kernels import choose_kernel; print(choose_kernel('auto'))"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=120)[0].strip() for process in started] == ["fused", "fused"]
    assert len(list(fresh.glob("*.so"))) == 1


@needs_compiler
@pytest.mark.parametrize(
    "number", [errno.ENOLCK, *(pytest.param(n, marks=pytest.mark.slow) for n in (errno.EOPNOTSUPP, errno.ENOSYS))]
)
def test_a_disk_without_locks(fresh, monkeypatch, number):
    """It is compiled all the same; what another process is about to compile there stays."""

    def refuse(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    fresh.mkdir(mode=0o700)
    theirs = fresh / f".conv_pool_relu-{build._identity(build._compiler())}.so.0123abcd.tmp"
    theirs.touch()
    assert choose_kernel("auto") == "fused"
    assert theirs.exists()


@needs_compiler
def test_a_lock_that_nobody_gives_back(fresh, monkeypatch):
    monkeypatch.setattr(build, "_SECONDS", 0.1)
    monkeypatch.setattr(build, "_compile", lambda compiler, path: shutil.copy(sys.executable, path))
    program = ctypes.CDLL(None)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: program)
    fresh.mkdir(mode=0o700)
    with alone(fresh / f"conv_pool_relu-{build._identity(build._compiler())}.lock"):
        assert fused_unavailable() is None
    assert len(list(fresh.glob("*.so"))) == 1


def test_torch_needs_no_compiler(fresh, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert choose_kernel("torch") == "torch"
    assert not fresh.exists()


def test_without_a_compiler(fresh, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert choose_kernel("auto") == "torch"
    with pytest.raises(SpecError) as caught:
        choose_kernel("fused")
    assert str(caught.value) == (
        "Kernel `fused` should be usable on this machine. No C++ compiler was found for the fused kernel. Install g++ or "
        "clang++, or set the variable CXX to one. Choose kernel `auto` or `torch`."
    )


def test_a_compiler_that_fails(fresh, monkeypatch, tmp_path):
    broken = script(
        tmp_path / "broken", 'case "$1" in --version) echo broken 1;; *) echo "x.cpp: error: no" >&2; exit 1;; esac'
    )
    monkeypatch.setenv("CXX", broken)
    assert choose_kernel("auto") == "torch"
    assert "failed on the fused kernel: x.cpp: error: no." in str(fused_unavailable())
    assert not list(fresh.glob("*.so"))


def test_a_library_that_does_not_load(fresh, monkeypatch, tmp_path):
    writes_rubbish = (
        'case "$1" in --version) echo 1;; *) while [ "$1" != -o ]; do shift; done; echo rubbish > "$2";; esac'
    )
    monkeypatch.setenv("CXX", script(tmp_path / "rubbish", writes_rubbish))
    assert choose_kernel("auto") == "torch"
    assert "could not be compiled or loaded" in str(fused_unavailable())


@needs_compiler
def test_another_compiler_or_processor_is_another_library(monkeypatch, tmp_path):
    compiler = build._compiler()
    ours = build._identity(compiler)
    monkeypatch.setattr(build, "_processor", lambda: "another")
    assert build._identity(compiler) != ours
    monkeypatch.undo()
    assert build._identity(script(tmp_path / "c++", "echo another version")) != ours


def test_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MTLRAY_KERNELS", os.fspath(tmp_path / "file" / "kernels"))
    build._library.cache_clear()
    try:
        assert choose_kernel("auto") == "torch"
    finally:
        build._library.cache_clear()


@pytest.fixture
def planted(fresh, monkeypatch):
    """A kernel by the very name that is looked for, in a folder of the user's; and the list of what was loaded."""
    fresh.mkdir(mode=0o700)
    path = fresh / f"conv_pool_relu-{build._identity(build._compiler())}.so"
    path.write_bytes(b"somebody else's code")
    path.chmod(0o700)
    loaded, program = [], ctypes.CDLL(None)

    def load(name):
        loaded.append(name)
        return program

    monkeypatch.setattr(ctypes, "CDLL", load)
    return path, loaded


@needs_compiler
def test_a_kernel_of_the_users_own_is_loaded(planted):
    path, loaded = planted
    assert fused_unavailable() is None
    assert loaded == [str(path)]


@needs_compiler
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_planted_kernel_in_a_folder_that_others_may_write_to(planted, monkeypatch, mode):
    path, loaded = planted
    monkeypatch.setattr("mtlray.storage.private._is_own_group", lambda number: False)
    path.parent.chmod(mode)
    assert f"Others may write to {path.parent}. Take that right away with `chmod go-w {path.parent}`" in str(
        fused_unavailable()
    )
    assert choose_kernel("auto") == "torch"
    assert loaded == []


@needs_compiler
def test_a_planted_kernel_that_others_may_write_to(planted):
    path, loaded = planted
    path.chmod(0o702)
    assert f"Others may write to {path}." in str(fused_unavailable())
    assert loaded == []


@needs_compiler
def test_a_planted_kernel_of_another_user(planted, monkeypatch):
    path, loaded = planted
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert " belongs to user " in str(fused_unavailable())
    assert loaded == []


@needs_compiler
def test_a_planted_kernel_behind_a_symbolic_link(planted, tmp_path):
    path, loaded = planted
    elsewhere = path.rename(tmp_path / "elsewhere.so")
    path.symlink_to(elsewhere)
    assert f"The compiled kernel {path} should be a plain file." in str(fused_unavailable())
    assert loaded == []


@needs_compiler
def test_a_planted_folder_behind_a_symbolic_link(planted, monkeypatch, tmp_path):
    path, loaded = planted
    (tmp_path / "open").mkdir()
    folder = path.parent.rename(tmp_path / "open" / "kernels")
    (tmp_path / "open").chmod(0o777)
    path.parent.symlink_to(folder)
    assert f"Others may write to {tmp_path}/open." in str(fused_unavailable())
    assert loaded == []


@needs_compiler
def test_the_folder_that_is_made_is_the_users_alone(fresh):
    before = os.umask(0)
    try:
        assert fused_unavailable() is None
    finally:
        os.umask(before)
    (made,) = fresh.glob("*.so")
    assert (fresh.stat().st_mode & 0o777, made.stat().st_mode & 0o777) == (0o700, 0o700)
