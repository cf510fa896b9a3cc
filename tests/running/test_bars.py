"""Which bar is shown where, and that a notebook without widgets has plain lines."""

import io
import sys
from types import SimpleNamespace
from typing import ClassVar

import pytest
from rich.console import Console

from mtlray.running import bars
from mtlray.running.bars import NotebookConsole, bar_for, in_notebook


def test_plain_lines_where_there_is_no_terminal():
    assert bar_for(Console(file=io.StringIO()), 10, "x") is None
    bar = bar_for(Console(file=io.StringIO(), force_terminal=True), 10, "x")
    bar.start()
    bar.update(3, "1/2 trials", "about 1 s left")
    bar.stop()


class Tqdm:
    made: ClassVar[list] = []

    def __init__(self, **options):
        self.n, self.options, self.closed = 0, options, False
        Tqdm.made.append(self)

    def update(self, n):
        self.n += n

    def set_description(self, text, refresh):
        self.text = text

    def set_postfix_str(self, text, refresh):
        if text == "gone":
            raise RuntimeError("the display is gone")

    def close(self):
        self.closed = True


@pytest.mark.parametrize("has", [(), ("tqdm",), ("tqdm", "ipywidgets")])
def test_a_notebook_has_a_bar_where_tqdm_and_widgets_are(has, monkeypatch, capsys):
    monkeypatch.setattr(bars.importlib.util, "find_spec", lambda name: name if name in has else None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=Tqdm))
    console = NotebookConsole()
    console.print("a line")
    assert capsys.readouterr().out == "a line\n"
    bar = bar_for(console, 10, "0/2 trials")
    assert (bar is not None) == (len(has) == 2)
    if bar is not None:
        bar.update(1, "before the start", "")
        bar.start()
        bar.update(4, "1/2 trials", "")
        bar.update(9, "1/2 trials", "gone")
        bar.update(10, "2/2 trials", "")
        bar.stop()
        assert (Tqdm.made[-1].n, Tqdm.made[-1].text, Tqdm.made[-1].closed) == (10, "2/2 trials", True)


def test_a_kernel_is_told_from_other_shells(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    for shell, expected in ((None, False), (SimpleNamespace(), False), (SimpleNamespace(kernel=1), True)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert in_notebook() == expected
