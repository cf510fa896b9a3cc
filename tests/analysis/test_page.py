"""docs/analysis.md and the README's table: every command's output is what it prints on the committed results.

The blocks of Python run in tests/test_docs_python.py.
"""

import contextlib
import io
import re

import pytest
from places import ROOT

from mtlray.analysis import TableOptions, render_table
from mtlray.analysis.app import app, call
from mtlray.analysis.figures import FIGURES

EXAMPLE = ROOT / "tests" / "examples" / "gong2019_table1"
PAGE = (ROOT / "docs" / "analysis.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```console\n\$ python -m mtlray.analysis (.*?)\n(.*?)\n```$", PAGE, re.M | re.S)


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """The page's working folder, in which `results/gong2019_table1` is the example."""
    (tmp_path / "results").symlink_to(EXAMPLE.parent, target_is_directory=True)
    monkeypatch.chdir(tmp_path)


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=[command.partition("--")[2] for command, _ in COMMANDS])
def test_commands(command, output):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), pytest.raises(SystemExit):
        call(app, command.split())
    assert trimmed(printed.getvalue()) == trimmed(output)


def test_there_are_outputs():
    assert len(COMMANDS) >= 4


def test_the_paper_table_of_the_readme():
    printed = render_table(str(EXAMPLE), TableOptions(against="gong2019"))
    body = printed[printed.index("data set") :]
    assert body in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_figure_is_described():
    (table,) = re.findall(r"^\| `--kind` \| shows .*?\n\|---.*?\n(.*?)\n\n", PAGE, re.M | re.S)
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.M) == [kind.name for kind in FIGURES]
