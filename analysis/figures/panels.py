"""Panels: a grid of axes with one legend below it, as wide as the text of a paper."""

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import Affine2D

from mtlray.analysis.figures.scene import SINGLE, Scene
from mtlray.analysis.figures.seeds import MARK, Seeds
from mtlray.analysis.figures.style import FAINT

T = TypeVar("T")
# Inches. As wide as the text of a paper, so that it is read at its own size there and at three quarters of it on a telephone.
WIDTH = 5.5
_HEIGHT = {1: 2.9, 2: 2.0}  # of a panel, by how many stand side by side
MOST_PANELS = 16
_CLOSE = 0.03  # of a horizontal axis, a character
_CHARACTER, _HANDLE = 0.066, 0.46  # of a legend: a character, about, and a handle with the space around it


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Drawing:
    """A figure of matplotlib, and the caption that says what it shows and how."""

    figure: Figure
    caption: str


def grid_of_axes(
    n_rows: int, n_columns: int, *, share_x: bool | Literal["col"] = True
) -> tuple[Figure, list[list[Axes]]]:
    """A figure with `n_rows` x `n_columns` panels."""
    figure = Figure(figsize=(WIDTH, 0.5 + _HEIGHT[min(n_columns, 2)] * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=share_x)
    return figure, [list(row) for row in axes]


def wrapped(n: int, most: int = 2) -> tuple[int, int]:
    """Rows and columns for `n` panels, at most `most` side by side."""
    columns = min(most, n)
    return math.ceil(n / columns), columns


def class_mark(value: int) -> Path:
    """The digits of a class as a marker: their outline around its middle."""
    outline = TextPath((0, 0), str(value), size=10)
    box = outline.get_extents()
    return Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2).transform_path(outline)


def broken(name: str, most: int) -> str:
    """A long name on several lines of at most so many characters, broken after commas and brackets where there are any."""
    loose = name.replace("(", "( ").replace(",", ", ")
    lines = textwrap.wrap(loose, most, break_on_hyphens=False) or [name]
    return "\n".join(line.replace("( ", "(").replace(", ", ",") for line in lines)


def legend(
    figure: Figure,
    scene: Scene,
    shown: Iterable[str],
    of_seeds: Seeds | None,
    more: Sequence[Line2D] = (),
    *,
    lines: bool = True,
) -> None:
    """One legend below all panels: the series that are shown in colour, how many are grey, and what `more` explains.

    Without `lines` series are points; without `of_seeds` they are named as they are.
    """
    shown = set(shown)
    # Where a task has several single-task strategies the best of them stands in some figures as single-task.
    looks = {name: scene.look(name) for name in (SINGLE, *scene.prominent) if name in shown}
    handles = [
        Line2D(
            [], [], color=look.color, linestyle=look.dashes if lines else "", marker=look.marker,
            label=_label(name if of_seeds is None else of_seeds.label(scene, name)),
        )
        for name, look in looks.items()
    ]  # fmt: skip
    if behind := shown - looks.keys():
        look: Any = {"linewidth": 0.8} if lines else {"linestyle": "", "marker": "o", "markersize": 4}
        one = "1 other" if len(behind) == 1 else f"{len(behind)} others"
        marked = 0 if of_seeds is None else len(behind & of_seeds.odd.keys())
        some = f" ({marked} {MARK})" if marked else ""
        handles.append(Line2D([], [], color=FAINT, alpha=0.7, label=one + some, **look))
    handles += more
    if not handles:
        return
    columns = _columns([len(str(handle.get_label())) for handle in handles], figure.get_figwidth())
    # Each further line of the legend makes the figure taller, so that the panels keep their size.
    figure.set_figheight(figure.get_figheight() + 0.18 * (math.ceil(len(handles) / columns) - 1))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.0, handlelength=2.2)


def _columns(lengths: Sequence[int], inches: float) -> int:
    """In how many columns labels of so many characters fit, filled one column after the other as matplotlib does."""
    for columns in range(len(lengths), 1, -1):
        widest = [int(max(part)) for part in np.array_split(lengths, columns)]
        if sum(widest) * _CHARACTER + columns * _HANDLE <= inches:
            return columns
    return 1


def as_log(axes: Axes) -> None:
    """Ticks of a logarithmic vertical axis as plain numbers, as many as have room between its limits."""
    low, high = axes.get_ylim()
    decades = math.log10(high / low)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,), numticks=9))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def name_places(axes: Axes, names: Mapping[float, str]) -> None:
    """Ticks at some places of a logarithmic horizontal axis; of names that would overlap the one at the right stands."""
    places = sorted(names)
    span = math.log(places[-1] / places[0]) or 1.0
    labels, last = [""] * len(places), math.inf
    for i in reversed(range(len(places))):
        if math.log(last / places[i]) >= _CLOSE * len(names[places[i]]) * span:
            labels[i], last = names[places[i]], places[i]
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(FixedFormatter(labels))
    axes.xaxis.set_minor_locator(NullLocator())


class HasFraction(Protocol):
    """What a panel shows is of one data fraction."""

    @property
    def fraction(self) -> float: ...


F = TypeVar("F", bound=HasFraction)


def fewer(panels: Sequence[F], fractions: Sequence[float]) -> tuple[Sequence[F], str]:
    """As many panels as a reader follows: of the largest and the smallest fraction, then the first; and what is cut."""
    kept = panels
    if len(kept) > MOST_PANELS and len(fractions) > 2:
        kept = [panel for panel in panels if panel.fraction in (fractions[0], fractions[-1])]
    kept = kept[:MOST_PANELS]
    cut = len(panels) - len(kept)
    return kept, f"{cut} more panels, of other metrics or fractions, are not shown." if cut else ""


def outer_labels(axes: Sequence[Sequence[Axes]], label: str, n: int) -> None:
    """Label the horizontal axis of each column's lowest panel among the first `n`, and remove the panels after them."""
    flat = [panel for row in axes for panel in row]
    n_columns = len(axes[0])
    for i, panel in enumerate(flat):
        if i >= n:
            panel.remove()
        elif i + n_columns >= n and label:
            panel.set_xlabel(label)
            panel.tick_params(labelbottom=True)


def each_panel(
    panels: Sequence[T],
    draw: Callable[[Axes, T], None],
    label: str,
    most: int = 2,
    *,
    share_x: bool | Literal["col"] = True,
) -> Figure:
    """One panel for each item, wrapped, with the horizontal axis labelled below."""
    figure, axes = grid_of_axes(*wrapped(len(panels), most), share_x=share_x)
    for panel, item in zip((panel for row in axes for panel in row), panels, strict=False):
        draw(panel, item)
    outer_labels(axes, label, len(panels))
    return figure


def _label(name: str) -> str:
    """A name that a legend shows; matplotlib hides those that start with an underscore."""
    return f"\u2009{name}" if name.startswith("_") else name
