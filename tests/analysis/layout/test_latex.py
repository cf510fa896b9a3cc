"""LaTeX: what is reserved is escaped, rows are of one length, and a table can be referred to."""

import re

import pytest

from mtlray.analysis import TableOptions, render_table
from mtlray.analysis.layout.tex import escape, slug

NASTY = r"50% of $x_1$ & {a} #1 ~ ^ \n — 'quoted' “so” <b> --flag"


def latex_of(sweep) -> str:
    return render_table(sweep.folder, TableOptions(against="gong2019"), format="latex")


@pytest.fixture
def nasty(make_sweep, fill):
    sweep = make_sweep(question=NASTY)
    fill(sweep)
    return sweep


def test_latex_structure(nasty):
    rendered = latex_of(nasty)
    plain = re.sub(r"\\[\\{}%$#&_]", "", rendered)  # without escaped characters and ends of lines
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    assert plain.count("%") == 1  # the comment on booktabs
    assert not set(re.sub(r"\$[^$]*\$", "", plain)) & set('±−–#^~|<>"')
    assert rendered.isascii()
    open_environments = []
    for kind, name in re.findall(r"\\(begin|end){([\w*]+)}", rendered):
        if kind == "begin":
            open_environments.append(name)
        else:
            assert open_environments.pop() == name
    assert not open_environments
    tables = re.findall(
        r"\\begin{(?:tabular|longtable)}{(.*?)}\n(.*?)\\end{(?:tabular|longtable)}", rendered, re.DOTALL
    )
    assert tables
    for columns, body in tables:
        n_columns = len(re.findall(r"[lS]", columns.replace("table-format", "")))
        for row in (line for line in body.splitlines() if line.endswith(r"\\") and "caption" not in line):
            spanned = sum(int(count) - 1 for count in re.findall(r"\\multicolumn{(\d+)}", row))
            assert len(re.findall(r"(?<!\\)&", row)) + spanned == n_columns - 1, row


def test_a_document_can_refer_to_each_table(nasty):
    labels = re.findall(r"\\label{(.*?)}", latex_of(nasty))
    assert labels == ["tab:quickstart-cells"]
    compared = render_table(nasty.folder, TableOptions(kind="compare"), format="latex")
    assert re.findall(r"\\label{(.*?)}", compared) == ["tab:quickstart-compare", "tab:quickstart-compare-2"]
    assert r"\caption[quickstart]{quickstart: 50\% of" in compared


def test_a_label_holds_nothing_that_latex_reserves():
    assert slug("my_sweep & co {1}: 50%") == "my-sweep-co-1-:-50"


def test_a_table_longer_than_a_page_is_a_longtable(make_sweep):
    sweep = make_sweep(published=None)
    for i in range(45):
        sweep.finish(sweep.plan(f"s{i}", ["left"], write=i == 44), {"left": 90.0 + i / 100})
    rendered = render_table(sweep.folder, format="latex")
    assert r"\begin{longtable}" in rendered
    assert r"\endhead" in rendered
    assert rendered.count(r"\label{") == 1


@pytest.mark.parametrize("character", "\\{}%$#&_^~")
def test_latex_escapes_what_it_reserves(character):
    assert escape(character) != character
    assert escape("--x") == "-{}-x"
