"""HTML: what a notebook shows of a table."""

from html.parser import HTMLParser

import pytest

from mtlray.analysis import TableOptions, render_table, tabulate
from mtlray.analysis.grid.load import load


class _Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.rows = [], []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += int(dict(attrs).get("colspan", 1))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", ["cells", "leaderboard", "compare"])
def test_rows_are_of_one_length_and_tags_closed(broken, kind):
    parser = _Balanced()
    parser.feed(render_table(broken.folder, TableOptions(kind=kind), format="html"))
    assert parser.open == []
    assert len(set(parser.rows)) == 1


def test_a_notebook_shows_the_table(complete):
    made = tabulate(load(complete.folder))
    assert made._repr_html_() == made.render("html")
    assert "97.45" in made._repr_html_()


def test_what_comes_from_results_is_escaped(make_sweep):
    sweep = make_sweep(question="<script>alert(1)</script>")
    sweep.finish(sweep.plan("<b>", ["left"]), {"left": 90.0})
    rendered = render_table(sweep.folder, format="html")
    assert "<script>" not in rendered
    assert "&lt;b&gt;" in rendered
