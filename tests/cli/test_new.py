"""`mtlray new`: what it writes loads and plans, and it never takes the place of anything."""

import errno
import io
import os
from pathlib import Path

import pytest
from places import ROOT

from mtlray.cli.new import sweep_text
from mtlray.specs.sweepfile import load_sweep

opened = Path.open
SHIPPED = sorted(path.stem for path in (ROOT / "sweeps").glob("*.py"))


def test_writes_a_sweep_that_plans(cli, tmp_path):
    code, out, _ = cli("new", "mine")
    assert code == 0
    assert "mtlray run mine.py" in out
    sweep, _ = load_sweep(tmp_path / "mine.py")
    assert sweep.name == "mine"
    assert sweep.base.dataset.source == "mnist5k", "which needs no network"
    assert "study" not in (tmp_path / "mine.py").read_text().replace("this study ask", "").replace("whole study", "")
    code, out, _ = cli("plan", "mine.py")
    assert code == 0
    assert "30 to run" in out


@pytest.mark.parametrize("source", SHIPPED)
def test_copies_a_shipped_sweep_under_a_name_of_its_own(cli, source, tmp_path):
    assert cli("new", "mine", "--from", source)[0] == 0
    copy, _ = load_sweep(tmp_path / "mine.py")
    original, _ = load_sweep(ROOT / "sweeps" / f"{source}.py")
    assert copy.name == "mine"
    assert [trial.trial_id for trial in copy.trials()] == [trial.trial_id for trial in original.trials()]


def test_under_its_own_name_a_shipped_sweep_is_copied_as_it_is():
    for source in SHIPPED:
        assert sweep_text(source, source) == (ROOT / "sweeps" / f"{source}.py").read_text()


BAD = {
    "unknown sweep": (
        ("mine", "--from", "gong2019_tabel1"),
        "Did you mean `gong2019_table1`? Valid names: beyond_gong2019,",
    ),
    "another folder": (("../mine",), "made of letters, digits and `_`, without `.py`"),
    "the file's name": (("mine.py",), "without `.py`"),
    "no name": (("",), "Found `NAME = ''`"),
    "a newline at the end": (("mine\n",), r"Found `NAME = 'mine\n'`"),
    "a module of Python": (
        ("random",),
        "Found `random`, which Python imports. Take another name, such as `my_random`.",
    ),
    "an installed module": (("torch",), "Found `torch`, which Python imports."),
    "too long": (("a" * 300,), "File name too long"),
}


@pytest.mark.parametrize(("arguments", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_one_paragraph_and_writes_nothing(cli, arguments, said, tmp_path):
    code, out, err = cli("new", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["file", "folder", "link to nothing"])
def test_whatever_exists_stays(cli, what, tmp_path):
    path = tmp_path / "mine.py"
    make = {
        "file": lambda: path.write_text("# my own\n"),
        "folder": path.mkdir,
        "link to nothing": lambda: path.symlink_to("elsewhere.py"),
    }
    make[what]()
    before = path.lstat()
    code, _, err = cli("new", "mine")
    assert code == 2
    assert f"Found {path} there already. Take another name" in err
    assert path.lstat() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_came_meanwhile_stays(cli, monkeypatch, tmp_path):
    (tmp_path / "mine.py").write_text("# my own\n")
    monkeypatch.setattr(os.path, "lexists", lambda path: False)
    code, _, err = cli("new", "mine")
    assert code == 2
    assert "there already" in err
    assert (tmp_path / "mine.py").read_text() == "# my own\n"


def test_a_folder_that_may_not_be_written(cli, monkeypatch, tmp_path):
    """Pretended, because nothing is forbidden to root, who may run the tests."""

    def refuse(path, mode="r", *args, **options):
        if mode == "x":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, mode, *args, **options)

    with monkeypatch.context() as pretending:
        pretending.setattr(Path, "open", refuse)
        code, _, err = cli("new", "mine")
    assert code == 2
    assert f"{tmp_path / 'mine.py'} cannot be: Permission denied. Change to a folder of yours" in err
    assert err.count("\n") == 1


def test_a_full_disk_leaves_no_half_of_a_file(cli, monkeypatch, tmp_path):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    def make(path, mode="r", *args, **options):
        if mode != "x":
            return opened(path, mode, *args, **options)
        path.touch()
        return Full()

    with monkeypatch.context() as pretending:
        pretending.setattr(Path, "open", make)
        code, _, err = cli("new", "mine")
    assert code == 2
    assert "No space left on device. Nothing was left there" in err
    assert list(tmp_path.iterdir()) == []
