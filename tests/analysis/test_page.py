"""docs/analysis.md and the tables of other documents: every command's output is what it prints on the committed results.

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


@pytest.mark.parametrize("options", [{"against": "gong2019"}, {"select": "last"}])
def test_the_tables_of_the_reproduction(options):
    text = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
    assert render_table(str(EXAMPLE), TableOptions(**options), format="markdown") in text


PER_TASK = "best_val_per_task"  # what is kept of these sweeps was made before trials had a joint score


@pytest.mark.parametrize("options", [{}, {"kind": "leaderboard"}])
def test_the_sweep_over_every_strategy_of_the_reproduction(options):
    text = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
    assert (
        render_table(
            str(EXAMPLE.parent / "beyond_gong2019"), TableOptions(**options, select=PER_TASK), format="markdown"
        )
        in text
    )


def test_every_figure_is_described():
    (table,) = re.findall(r"^\| `--only` .*?\n\|---.*?\n(.*?)\n\n", PAGE, re.M | re.S)
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == [kind.name for kind in FIGURES]


@pytest.mark.parametrize(("sweep", "metrics"), [("reduced_table3", "*_global"), ("reduced_table4", None)])
def test_the_rows_of_tables_3_and_4_of_the_reproduction(sweep, metrics):
    text = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
    assert (
        render_table(str(EXAMPLE.parent / sweep), TableOptions(metrics=metrics, select=PER_TASK), format="markdown")
        in text
    )
