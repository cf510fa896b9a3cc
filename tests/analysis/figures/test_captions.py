"""Captions: they stand inside the file, below panels that keep their size, and no line is cut."""

from pathlib import Path

import pytest
from drawings import BOTH, drawn, panels

from mtlray.analysis.figures import save
from mtlray.analysis.figures.captions import write_caption
from mtlray.analysis.figures.files import encode
from mtlray.analysis.grid.load import load


def test_a_file_says_what_it_shows(with_curves, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "mtlray.analysis.figures.files.encode", lambda figure, format: encode(figure, format, text_as_paths=False)
    )
    sweep = with_curves({"equal": BOTH, "dwa": BOTH}, n_seeds=2)
    (path,) = save(load(sweep.folder), tmp_path, names=["fractions"], formats=["svg"])
    text = Path(path).read_text(encoding="utf-8")
    for words in ("Test value and amount of data. curves, multi_mnist-left-right.", "rule best_val", "n = 2 seeds"):
        assert words in text


def test_panels_keep_their_size_and_lines_fit(with_curves):
    drawing = drawn(with_curves({"equal": BOTH, "dwa": BOTH}, n_seeds=1), "learning")
    encode(drawing.figure, "png")
    alone = panels(drawing)[0].get_window_extent()
    drawing = drawn(with_curves({"equal": BOTH, "dwa": BOTH}, n_seeds=1), "learning")
    height = drawing.figure.get_figheight()
    write_caption(drawing.figure, "Wide words and narrow ones: WWWW iiii llll. " * 12)
    assert drawing.figure.get_figheight() > height + 0.5
    under = panels(drawing)[0].get_window_extent()
    assert (under.width, under.height) == pytest.approx((alone.width, alone.height), abs=3.0)
    (text,) = drawing.figure.texts
    box, legend = text.get_window_extent(), drawing.figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= drawing.figure.bbox.x1
    assert box.y0 >= 0
    assert box.y1 <= legend.y0
