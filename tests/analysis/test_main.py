"""python -m mtlray.analysis: exit codes, messages, and that it needs neither torch nor ray."""

import subprocess
import sys

import pytest
from places import ROOT

from mtlray.analysis import render_table
from mtlray.analysis.__main__ import main


def test_prints_the_table(complete, capsys):
    assert main(["table", complete.folder, "--against", "gong2019", "--select", "last"]) == 0
    assert capsys.readouterr().out == render_table(complete.folder, against="gong2019", select="last") + "\n"


def test_writes_to_a_file(complete, capsys, tmp_path):
    out = tmp_path / "table.csv"
    assert main(["table", complete.folder, "--format", "csv", "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    assert out.read_text(encoding="utf-8") == render_table(complete.folder, format="csv") + "\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "best"], "There is no selection rule `best`."),
        (["--format", "pdf"], "There is no format `pdf`."),
        (["--against", "gong2020"], "There is no published table `gong2020`. Did you mean `gong2019:"),
        (["--out", "/"], "Is a directory"),
    ],
)
def test_errors_are_one_paragraph_and_exit_code_2(complete, capsys, arguments, message):
    assert main(["table", complete.folder, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_no_results(tmp_path, capsys):
    assert main(["table", str(tmp_path)]) == 2
    assert "Found none" in capsys.readouterr().err


def test_runs_as_a_module_where_the_terminal_knows_ascii_only(complete):
    run = subprocess.run(
        [sys.executable, "-m", "mtlray.analysis", "table", complete.folder],
        cwd=ROOT,
        env={"PATH": "", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert "±" in run.stdout.decode()


def test_imports_neither_torch_nor_ray():
    code = "import sys, analysis, mtlray.analysis.__main__; print([m for m in ('torch', 'ray') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "[]", run.stderr
