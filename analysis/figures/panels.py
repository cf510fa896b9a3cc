"""Panels: a grid of axes with one legend below it, and lines with bands; what most figures are made of."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Affine2D

from mtlray.analysis.figures.scene import Scene
from mtlray.analysis.figures.style import FAINT

T = TypeVar("T")
_WIDTH, _HEIGHT = 3.4, 2.3  # inches, of one panel


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Drawing:
    """A figure of matplotlib, and the caption that says what it shows and how."""

    figure: Figure
    caption: str


def grid_of_axes(n_rows: int, n_columns: int, *, share_x: bool = True) -> tuple[Figure, list[list[Axes]]]:
    """A figure with `n_rows` x `n_columns` panels."""
    wide = (2.0, 1.3, 1.05)[min(n_columns, 3) - 1]
    figure = Figure(figsize=(_WIDTH * wide * n_columns, 0.55 + _HEIGHT * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=share_x)
    return figure, [list(row) for row in axes]


def wrapped(n: int, most: int = 3) -> tuple[int, int]:
    """Rows and columns for `n` panels, at most `most` side by side."""
    columns = min(most, n) if n != 4 else min(most, 2)
    return math.ceil(n / columns), columns


def class_mark(value: int) -> Path:
    """The digits of a class as a marker: their outline around its middle."""
    outline = TextPath((0, 0), str(value), size=10)
    box = outline.get_extents()
    return Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2).transform_path(outline)


def legend(figure: Figure, scene: Scene, shown: Iterable[str]) -> None:
    """One legend below all panels: the series that are shown in colour, and how many are grey."""
    shown = set(shown)
    handles = [
        Line2D([], [], color=look.color, linestyle=look.dashes, marker=look.marker, label=_label(name))
        for name, look in scene.prominent.items()
        if name in shown
    ]
    behind = len(shown - scene.prominent.keys())
    if behind:
        handles.append(Line2D([], [], color=FAINT, linewidth=0.8, alpha=0.7, label=f"{behind} others"))
    if not handles:
        return
    room = figure.get_figwidth() / 0.085  # characters on a line, about
    lengths = [len(str(handle.get_label())) + 6 for handle in handles]
    columns = len(handles) if sum(lengths) <= room else max(1, int(room / max(lengths)))
    # Each further line of the legend makes the figure taller, so that the panels keep their size.
    figure.set_figheight(figure.get_figheight() + 0.19 * (math.ceil(len(handles) / columns) - 1))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.4, handlelength=2.4)


def over_seeds(curves: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean, standard deviation (ddof 1) and n over seeds of one column, by series and step, where a value is finite."""
    values = curves.loc[np.isfinite(curves[column].to_numpy(dtype=float, na_value=np.nan)), ["series", "step", column]]
    grouped = values.groupby(["series", "step"], sort=True)[column]
    frame: pd.DataFrame = grouped.agg(["mean", "std", "count"]).reset_index()
    return frame


def draw_curves(axes: Axes, scene: Scene, curves: pd.DataFrame, column: str) -> pd.DataFrame:
    """Each series' mean over seeds with a band of one standard deviation; returns what was drawn, by series and step."""
    frame = over_seeds(curves, column)
    parts: Any = dict(iter(frame.groupby("series", sort=False)))
    for name in scene.names:
        part = parts.get(name)
        if part is None:
            continue
        look, step, mean = scene.look(name), part["step"].to_numpy(), part["mean"].to_numpy()
        if name not in scene.prominent:
            axes.plot(step, mean, color=look.color, linewidth=0.7, alpha=0.45, zorder=1.5)
            continue
        std = part["std"].fillna(0.0).to_numpy()
        axes.fill_between(step, mean - std, mean + std, color=look.color, alpha=0.16, linewidth=0)
        axes.plot(
            step, mean, color=look.color, linestyle=look.dashes, marker=look.marker,
            markevery=_every(len(step), list(scene.prominent).index(name)), markersize=3.8, linewidth=1.4,
        )  # fmt: skip
    steps_on(axes)
    return frame


def steps_on(axes: Axes) -> None:
    """Steps on the horizontal axis."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlim(left=0)


def cut_start(axes: Axes, frame: pd.DataFrame) -> None:
    """Fit the vertical axis to the values after the first quarter of training, where the differences are."""
    late = frame[frame["step"] >= 0.25 * frame["step"].max()]
    std = late["std"].fillna(0.0)
    low, high = float((late["mean"] - std).min()), float((late["mean"] + std).max())
    margin = 0.04 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)


def log_where_wide(axes: Sequence[Axes]) -> None:
    """A logarithmic vertical axis for panels that show one quantity, where its positive means span more than 20-fold.

    It ends at half the panel's smallest mean: a band may reach zero, which has no place on it.
    """
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for panel in axes for line in panel.lines])
    if not len(values) or values.min() <= 0 or values.max() <= 20 * values.min():
        return
    for panel in axes:
        panel.set_yscale("log")
        if panel.lines:
            panel.set_ylim(bottom=0.5 * min(np.asarray(line.get_ydata(), dtype=float).min() for line in panel.lines))
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_locator(NullLocator())


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
    panels: Sequence[T], draw: Callable[[Axes, T], None], label: str, most: int = 3, *, share_x: bool = True
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


def _every(n: int, offset: int) -> tuple[int, int]:
    """About six markers a line, each line's at other steps."""
    every = max(1, n // 6)
    return (offset * max(1, every // 4)) % every, every
