"""Lines: what curves recorded, as a mean over seeds with a band for each strategy, in panels; what most figures are made of."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from mtlray.analysis.figures.limits import beyond, fence, say_beyond
from mtlray.analysis.figures.panels import Drawing, as_log, each_panel, fewer, legend
from mtlray.analysis.figures.scene import NothingToDraw, Scene, of_data
from mtlray.analysis.figures.seeds import seeds
from mtlray.analysis.figures.style import BEHIND

_FREE = (-math.inf, math.inf)
_WIDE = 20  # how many times the smallest the largest positive mean must be for a logarithmic axis


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """A column of the curves at one data fraction, what its vertical axis is called, and `bounds` of its values."""

    column: str
    fraction: float
    label: str
    bounds: tuple[float, float] = _FREE


@dataclass(frozen=True, kw_only=True, slots=True)
class Horizontal:
    """What curves are drawn against: a column of theirs, the axis' label, and how its numbers are written."""

    column: str
    label: str
    written: Callable[[float], str]


STEPS = Horizontal(column="step", label="step", written=lambda step: f"{step:,.0f}")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Line:
    """One strategy's mean over its seeds, at the evaluations that all of them have, between `low` and `high`."""

    series: str
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def panels_of(
    scene: Scene, curves: pd.DataFrame, columns: Iterable[tuple[str, str]], bounds: tuple[float, float] = _FREE
) -> list[Panel]:
    """A panel for each of `columns`, names with their labels, and each fraction at which a curve has a value of it."""
    return [
        Panel(column=column, fraction=fraction, label=label, bounds=bounds)
        for column, label in columns
        if column in curves
        for fraction in scene.fractions
        if curves.loc[curves["fraction"] == fraction, column].notna().any()
    ]


def draw_lines(
    scene: Scene, curves: pd.DataFrame, panels: Sequence[Panel], caption: str, *,
    over: Horizontal = STEPS, may_be_log: bool = True, after: float = 0.0, level: float | None = None,
) -> Drawing:  # fmt: skip
    """A panel for each of `panels`, with every series' lines in it.

    Columns whose positive means span more than 20-fold get a logarithmic axis. Vertical axes show what comes after the share
    `after` of the horizontal one. `level` is a value at which a thin line is drawn.
    """
    panels, cut = fewer(panels, scene.fractions)
    lines = {panel: of for panel in panels if (of := _lines(curves, panel, over))}
    panels = list(lines)
    if not panels:
        raise NothingToDraw("the seeds of no strategy were evaluated at the same steps")
    wide = {
        column
        for column in {panel.column for panel in panels}
        if may_be_log
        and _positive(curves, column)
        and _wide([line for panel in panels if panel.column == column for line in lines[panel]])
    }
    lines |= {panel: _lines(curves, panel, over, log=True) for panel in panels if panel.column in wide}
    every = [line for of_panel in lines.values() for line in of_panel]
    shown = {line.series for line in every}
    named = list[str]()

    def draw(axes: Axes, panel: Panel) -> None:
        axes.set_yscale("log" if panel.column in wide else "linear")
        axes.set_title(of_data(panel.fraction), loc="left")
        axes.set_ylabel(panel.label)
        if level is not None:
            axes.axhline(level, color=BEHIND.color, linewidth=0.8, linestyle=":")
        _draw(axes, scene, lines[panel])
        named.extend(_fit(axes, scene, lines[panel], panel, after))

    figure = each_panel(panels, draw, over.label, share_x="col")
    _horizontal(figure, over, [max(float(line.x.max()) for line in lines[panel]) for panel in panels])
    of_seeds = seeds(scene)
    legend(figure, scene, shown, of_seeds)
    bands = any((line.low < line.high).any() for line in every)
    said = [
        caption,
        _explained(len(wide), len({panel.column for panel in panels}), bands),
        of_seeds.note(shown),
        cut,
    ]
    said.append("Strategies beyond an axis are named at its edge, with their last value." if named else "")
    return Drawing(figure=figure, caption=" ".join(part for part in said if part))


def _horizontal(figure: Figure, over: Horizontal, ends: Sequence[float]) -> None:
    """The horizontal axes, from 0 to the last evaluation of a column of panels."""
    for place, axes in enumerate(figure.axes):
        end = max(ends[place % 2 :: 2])
        nbins = 5 if len(over.written(end)) < 7 else 3
        axes.xaxis.set_major_locator(MaxNLocator(nbins=nbins, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: over.written(value)))
        axes.set_xlim(0, 1.02 * end)


def _explained(logs: int, columns: int, bands: bool) -> str:
    """What lines and bands are, where `logs` of the columns have a logarithmic axis."""
    linear = "mean over seeds" + ("; band: ± one standard deviation (ddof 1)" if bands else "")
    log = "geometric mean over seeds" + ("; band: × and ÷ one geometric standard deviation" if bands else "")
    if logs == columns:
        return f"Line: {log}."
    return f"Line: {linear}; on logarithmic axes the {log}." if logs else f"Line: {linear}."


def _lines(curves: pd.DataFrame, panel: Panel, over: Horizontal, *, log: bool = False) -> list[Line]:
    """Each strategy's line. Evaluations that not all of a strategy's trials have are left out, as a mean of others would be."""
    there = (curves["fraction"] == panel.fraction).to_numpy() & np.isfinite(
        curves[panel.column].to_numpy(dtype=float, na_value=np.nan)
    )
    part = curves.loc[there, ["strategy", "series", "trial_id", "step"]]
    part = part.assign(y=curves.loc[there, panel.column], x=curves.loc[there, over.column])
    if log:
        part = part.assign(y=np.log(part["y"]))
    part = part[np.isfinite(part["x"])]
    grouped = part.groupby(["strategy", "step"], sort=True)
    frame = grouped.agg(
        series=("series", "first"), x=("x", "mean"), mean=("y", "mean"), std=("y", "std"), n=("y", "size")
    )
    trials = part.groupby("strategy", sort=False)["trial_id"].nunique()
    strategies = frame.index.get_level_values("strategy")
    frame = frame[frame["n"].to_numpy() == trials.loc[strategies].to_numpy()]
    mean, std = frame["mean"].to_numpy(), frame["std"].fillna(0.0).to_numpy()
    of = (mean, mean - std, mean + std)
    # Split once for all strategies: a frame for each of them takes most of the time of a figure.
    names = frame.index.get_level_values("strategy").to_numpy()
    cuts = np.flatnonzero(names[1:] != names[:-1]) + 1
    columns = [np.split(array, cuts) for array in (frame["x"].to_numpy(), *(map(np.exp, of) if log else of))]
    series = frame["series"].iloc[[0, *cuts]].tolist() if len(frame) else []
    return [
        Line(series=name, x=x, mean=mean, low=low, high=high)
        for name, x, mean, low, high in zip(series, *columns, strict=False)
    ]


def _wide(lines: Sequence[Line]) -> bool:
    """Whether positive means span so much that a linear axis would hide the small ones."""
    lowest = min((float(line.mean.min()) for line in lines), default=0.0)
    return lowest > 0 and max(float(line.mean.max()) for line in lines) > _WIDE * lowest


def _positive(curves: pd.DataFrame, column: str) -> bool:
    values = curves[column].to_numpy(dtype=float, na_value=np.nan)
    return bool((values[np.isfinite(values)] > 0).all())


def _draw(axes: Axes, scene: Scene, lines: Sequence[Line]) -> None:
    grey = [np.stack([line.x, line.mean], axis=1) for line in lines if line.series not in scene.prominent]
    if grey:
        axes.add_collection(LineCollection(grey, colors=BEHIND.color, linewidths=0.7, alpha=0.45, zorder=1.5))
    order = list(scene.prominent)
    for line in sorted(
        (line for line in lines if line.series in scene.prominent), key=lambda line: order.index(line.series)
    ):
        look = scene.look(line.series)
        if (line.low < line.high).any():
            axes.fill_between(
                line.x, line.low, line.high, color=look.color, alpha=0.16 if len(order) < 5 else 0.1, linewidth=0
            )
        axes.plot(
            line.x, line.mean, color=look.color, linestyle=look.dashes, marker=look.marker,
            markevery=_every(len(line.x), order.index(line.series)), markersize=3.5, linewidth=1.3,
        )  # fmt: skip


def _fit(axes: Axes, scene: Scene, lines: Sequence[Line], panel: Panel, after: float) -> list[str]:
    """End the vertical axis where the lines and bands end, without far lines, which are named at the edge and returned."""
    end = max(float(line.x.max()) for line in lines)
    late = [(line, line.x >= min(after * end, float(line.x.max()))) for line in lines]
    last = {line.series: float(line.mean[-1]) for line in lines}
    log = axes.get_yscale() == "log"
    scale = np.log10 if log else np.asarray
    low, high = fence(scale([line.mean[-1] for line in lines]))
    kept = [(line, at) for line, at in late if low <= scale(line.mean[-1]) <= high]
    means = scale(np.concatenate([line.mean[at] for line, at in kept]))
    bands = [scale(edge[at]) for line, at in kept if line.series in scene.prominent for edge in (line.low, line.high)]
    span = float(np.ptp(means))
    reach = np.concatenate([means, *bands])
    # One wide band does not squeeze all lines.
    bottom = max(float(reach.min()), float(means.min()) - span) if span else float(reach.min())
    top = min(float(reach.max()), float(means.max()) + span) if span else float(reach.max())
    if not log:
        bottom, top = max(bottom, panel.bounds[0]), min(top, panel.bounds[1])
    margin = 0.04 * (top - bottom) or (0.1 if log else 0.05 * abs(top) or 0.5)
    edges = np.array([bottom - margin, top + margin])
    axes.set_ylim(*(10.0**edges if log else edges))
    if log:
        as_log(axes)
    outside = {name: value for name, value in last.items() if not low <= scale(value) <= high}
    below, above = beyond(outside, *axes.get_ylim())
    say_beyond(axes, last, below, bottom=True)
    say_beyond(axes, last, above, bottom=False)
    return below + above


def _every(n: int, offset: int) -> tuple[int, int]:
    """About six markers a line, each line's at other places."""
    every = max(1, n // 6)
    return (offset * max(1, every // 4)) % every, every
