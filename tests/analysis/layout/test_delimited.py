"""CSV: names that a spreadsheet would take for formulas are text, and numbers are as they were."""

import base64
import csv
import io

import pandas as pd
import pytest
from fabricated import Sweep

from mtlray.analysis.grid.load import load
from mtlray.analysis.layout import delimited
from mtlray.analysis.report import render_report
from mtlray.analysis.tables import TableOptions, tabulate

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x","y")']


@pytest.mark.parametrize("name", FORMULAS)
def test_a_name_is_text(name):
    frame = pd.DataFrame({"strategy": [name, "equal"], "mean": [-1.25, 1e-300], "n": [-3, 4], "note": [None, ""]})
    rows = list(csv.reader(io.StringIO(delimited.render(frame), newline="")))
    assert rows[1:] == [["'" + name.replace("\r", "\n"), "-1.25", "-3", ""], ["equal", "1e-300", "4", ""]]


@pytest.mark.parametrize("kind", ["cells", "leaderboard", "compare", "cost", "selection"])
def test_every_kind_of_table_and_the_page(tmp_path, kind):
    """The names of strategies, tasks and data sets, and the reasons of failures, come from files and from users' classes."""
    sweep = Sweep(tmp_path, "formulas", published=None)
    for strategy in ("equal", "=1+1", "@two"):
        for seed in range(2):
            trial = sweep.plan(strategy, ("left", "right"), dataset="-digits", seed=seed)
            sweep.finish(trial, {"left": -1.5 - seed, "right": 2.0}, unit="+m", data_origin="=cmd()", metric="@x")
    failed = sweep.plan("=fails", ("left",), dataset="-digits", seed=5)
    sweep.finish(failed, {"left": None}, state="failed", error="=cmd|'/C calc'!A1", data_origin="=cmd()")
    results = load(sweep.folder)
    for text in (tabulate(results, TableOptions(kind=kind)).render("csv"), *downloads(render_report(sweep.folder))):
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert cells
        for cell in cells:
            assert not cell.startswith(("=", "+", "@", "-")) or _is_number(cell), cell


def downloads(page):
    parts = page.split("data:text/csv;charset=utf-8;base64,")[1:]
    return [base64.b64decode(part[: part.index('"')]).decode() for part in parts]


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True
