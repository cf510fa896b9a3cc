"""What a slip on the command line is told: folders that are none, files for folders, commands that work as printed."""

import re
import shlex
import sys
from pathlib import Path

import pytest
import typer
from places import SMALL

from mtlray.cli import sweeps

NARROW = ("--strategies", "dwa", "--steps", "4", "--seeds", "0:1")


def everything(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", SMALL, "--in-process", "--results"),
        ("run", SMALL, "--in-process", "--data"),
        ("run", SMALL, "--in-process", "--data-from"),
        ("run", SMALL, "--in-process", "--tensorboard"),
        ("status", SMALL, "--results"),
        ("launch-script", "slurm", SMALL, "--results"),
        ("data", "push", SMALL, "--to"),
        ("doctor", "--results"),
        ("table",),
    ],
    ids=lambda arguments: " ".join(map(str, (*arguments[:2], arguments[-1]))),
)
def test_a_place_is_a_folder_or_a_whole_uri(cli, tmp_path, arguments):
    what = f"Option {arguments[-1]}" if len(arguments) > 1 else "Argument RESULTS"
    for empty in ("", " "):
        code, _, err = cli(*arguments, empty)
        assert (code, err) == (
            2,
            f"Error: {what} should name a folder. Found an empty name. Write `.` for the current folder.\n",
        )
    for text, whole in (("file:/x/y", "file:///x/y"), ("s3:/bucket/a", "s3://bucket/a"), ("S3:bucket", "S3://bucket")):
        code, _, err = cli(*arguments, text)
        assert code == 2
        assert err.startswith(f"Error: {what} should name a folder or a URI. Found `{text}`, which is neither")
        assert f"Write `{whole}`, or `./{text}` for a folder of that name." in err
    assert everything(tmp_path) == []


def test_a_folder_with_a_colon_in_its_name_is_a_folder(cli, tmp_path):
    for name in ("./file:", "a:b", "2026-11-22T10:00", "C:/x"):
        code, out, err = cli("plan", SMALL, *NARROW, "--results", name)
        assert code == 0, err
        assert f"{Path(name).absolute()}/" in out


def test_the_command_that_explains_a_failure_names_the_same_trials(cli, tmp_path):
    text = SMALL.read_text()
    path = tmp_path / "mine.py"
    broken = "@dataclass(frozen=True)\nclass Broken(DWA):\n    key: ClassVar[str] = 'broken'\n\n    def combine(self, losses, state):\n        raise ValueError('no such thing')\n\n\n"  # noqa: E501
    head = "from dataclasses import dataclass\nfrom typing import ClassVar\n"
    path.write_text(head + text.replace("SWEEP = ", broken + "SWEEP = ").replace("DWA(), ", "DWA(), Broken(), "))
    code, out, _ = cli(
        "run",
        path,
        "--in-process",
        "--results",
        "other place",
        "--strategies",
        "broken",
        "--steps",
        "4",
        "--seeds",
        "0:1",
    )
    assert code == 1
    command = re.search(r"Failed: 1 trial; `(mtlray status .*)` says why\.", out)
    assert command is not None
    code, out, _ = cli(*shlex.split(command[1])[1:])
    assert code == 0
    assert "1 failed of 1 trials" in out
    assert "ValueError: no such thing" in out
    retry = shlex.split(command[1])[2:]
    _, out, _ = cli("retry", *retry)
    assert f"1 failed trial will run again with `mtlray run {shlex.join(retry)}`." in out
    _, out, _ = cli("retry", *retry)
    assert out == f"No trial has failed in {tmp_path}/other place/small.\n"


@pytest.mark.parametrize("raised", [typer.Abort, KeyboardInterrupt])
def test_ctrl_c_at_the_question_leaves_trials_and_says_so(cli, tmp_path, monkeypatch, raised):
    def ask(*_, **__):
        raise raised

    monkeypatch.setattr(sweeps.typer, "confirm", ask)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, _, err = cli("run", SMALL, *NARROW)
    assert (code, err) == (3, "\nNothing more was started. Run the same command again to continue.\n")
    assert everything(tmp_path) == []


def test_a_folder_in_place_of_a_sweep_file_is_named(cli, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.py").write_text("")
    code, _, err = cli("plan", "files")
    assert (code, err) == (
        2,
        "Error: A sweep should be a Python file that defines SWEEP. Found the folder `files`. There are: files/a.py.\n",
    )
    (tmp_path / "files" / "sweep.json").write_text("{}")
    code, _, err = cli("status", "files")
    assert code == 2
    assert "Found the results folder `files`. Name the sweep file that made it;" in err


def test_a_strategy_by_a_near_name_is_guessed_and_the_others_stand_in_their_order(cli):
    code, _, err = cli("plan", SMALL, "--strategies", "dva")
    assert code == 2
    assert "The sweep has no strategy dva. Did you mean `dwa`? It has: stl, stl:left," in err
    assert err.endswith("Add others in the sweep file.\n")


def test_metrics_with_a_comma_too_many(cli):
    assert cli("run", SMALL, "--in-process", *NARROW)[0] == 0
    plain = cli("table", "results/small", "--metrics", "accuracy")
    assert plain[0] == 0
    assert cli("table", "results/small", "--metrics", "accuracy, ,") == plain
    code, _, err = cli("table", "results/small", "--metrics", ",")
    assert (code, err) == (2, "Error: Option --metrics should name metrics. Found none. There are: accuracy.\n")
    code, _, err = cli("report", "results/small", "--out", "nowhere/page.html")
    assert (code, err) == (
        2,
        "Error: Option --out should name a file that can be written. Found `nowhere/page.html`: No such file or directory.\n",
    )
