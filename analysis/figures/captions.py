"""Captions: the text below a figure in its file."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from mtlray.analysis.figures.style import INK

_POINTS = 7.5
_MARGIN = 0.08  # inches
_LINE = 1.25 * _POINTS / 72


def write_caption(figure: Figure, text: str) -> None:
    """Make a figure taller by what its caption needs, and write it below everything else. Panels keep their size."""
    FigureCanvasAgg(figure)
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    lines = _wrapped(text, width - 2 * _MARGIN)
    room = _LINE * len(lines) + 2 * _MARGIN
    kept = height / (height + room)
    places = [(axes, axes.get_position(original=True)) for axes in figure.axes]
    figure.set_size_inches(width, height + room)
    for axes, box in places:
        axes.set_position((box.x0, 1 - kept * (1 - box.y0), box.width, kept * box.height))
    for legend in figure.legends:
        legend.set_bbox_to_anchor((0, 1 - kept, 1, kept), figure.transFigure)
    figure.text(
        _MARGIN / width, (room - _MARGIN) / (height + room), "\n".join(lines), fontsize=_POINTS, color=INK, va="top", ha="left",
        linespacing=1.25 / 1.17,
    )  # fmt: skip


def _wrapped(text: str, inches: float) -> list[str]:
    """The text in lines of at most so many inches; a longer word has a line of its own."""
    font = FontProperties(family="DejaVu Sans", size=_POINTS)
    width_of = {
        word: text_to_path.get_text_width_height_descent(word, font, ismath=False)[0] / 72
        for word in {*text.split(), "n n", "nn"}
    }
    space = width_of["n n"] - width_of["nn"]
    lines, room = list[list[str]](), 0.0
    for word in text.split():
        if lines and width_of[word] + space <= room:
            lines[-1].append(word)
            room -= width_of[word] + space
        else:
            lines.append([word])
            room = inches - width_of[word]
    return [" ".join(words) for words in lines]
