"""Pareto scatter: two tasks against each other, a point for each strategy, and the front of those that no other dominates."""

import itertools
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from mtlray.analysis.figures.limits import fence
from mtlray.analysis.figures.panels import Drawing, each_panel, legend
from mtlray.analysis.figures.scene import SINGLE, NothingToDraw, Scene, described, of_data
from mtlray.analysis.figures.seeds import ONE_SEED, seeds
from mtlray.analysis.figures.style import FAINT, INK
from mtlray.analysis.grid.cells import Column, Measure
from mtlray.analysis.kinds.placing import on_front

_MOST = 6  # panels
_NAMED = 3  # strategies outside a panel


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Points:
    """The strategies that have means on two tasks: by row of the scores, `means` [row, 2] as printed, and who is on the front.

    `whole` says of each whether it is complete and on the seeds of most, without which it is not on the front.
    """

    columns: tuple[int, int]
    rows: list[int]
    means: NDArray[np.float64]
    whole: NDArray[np.bool_]
    front: NDArray[np.bool_]


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no strategy has numbers for two tasks."""
    first = list({measure.task: measure for measure in reversed(scene.measures)}.values())[::-1]
    found = [
        (x, y, fraction, points)
        for x, y in itertools.combinations(first, 2)
        for fraction in scene.fractions
        if (points := _points(scene, x, y, fraction)) is not None
    ]
    if not found:
        raise NothingToDraw("no strategy has numbers for two tasks")
    shown = {scene.scores.strategies[i] for *_, points in found[:_MOST] for i in points.rows}
    outside = list[str]()

    def panel(axes: Axes, item: tuple[Measure, Measure, float, Points]) -> None:
        outside.extend(_panel(axes, scene, *item))

    figure = each_panel(found[:_MOST], panel, "", 2, share_x=False)
    of_seeds = seeds(scene)
    more = [
        *([ONE_SEED] if len(scene.scores.seeds) > 1 else []),
        Line2D([], [], color=FAINT, linewidth=5, alpha=0.35, marker="o", markersize=9, label="not dominated"),
    ]
    hollow = any(not points.whole.all() for *_, points in found[:_MOST])
    if hollow:
        more.append(Line2D([], [], color=FAINT, marker="o", markerfacecolor="none", linestyle="", label="incomplete"))
    legend(figure, scene, shown, of_seeds, more, lines=False)
    cut = len(found) - _MOST
    said = [
        f"Two tasks at a time, each by its first metric: means over seeds, rule {scene.selected.name}; small dots are single "
        "seeds of the strategies in colour. Up and to the right is better. The grey line joins those that no other dominates, by "
        "the means as printed. Single-task, the cross and the dashed lines, is a network for each task.",
        "Hollow are strategies that lack seeds, or have others than most; they are not compared." if hollow else "",
        of_seeds.note(shown),
        "Strategies far off are named at the edge, with both means." if outside else "",
        f"{cut} more pairs of tasks and fractions are not shown." if cut > 0 else "",
    ]
    return Drawing(figure=figure, caption=" ".join(part for part in said if part))


def _points(scene: Scene, x: Measure, y: Measure, fraction: float) -> Points | None:
    """What a panel shows; None where no strategy but single-task has both means."""
    found = scene.scores
    wanted = [Column(measure=measure, fraction=fraction) for measure in (x, y)]
    if not all(column in found.columns for column in wanted):
        return None
    at = (found.columns.index(wanted[0]), found.columns.index(wanted[1]))
    means = found.printed[:, at]
    rows = np.flatnonzero(np.isfinite(means).all(axis=1)).tolist()
    if not any(found.strategies[i] != SINGLE for i in rows):
        return None
    whole: NDArray[np.bool_] = np.all(found.comparable[:, at], axis=1)
    front = on_front(found, at, whole)
    return Points(columns=at, rows=rows, means=means[rows], whole=whole[rows], front=front[rows])


def _panel(axes: Axes, scene: Scene, x: Measure, y: Measure, fraction: float, points: Points) -> list[str]:
    """Draw one pair of tasks at one fraction; returns who is outside."""
    means, names = points.means, [scene.scores.strategies[i] for i in points.rows]
    front = means[points.front]
    front = front[np.argsort(front[:, 0])]
    if points.whole.sum() > 1:  # one alone dominates nobody
        axes.plot(
            front[:, 0], front[:, 1], color=FAINT, linewidth=5, alpha=0.35, solid_capstyle="round", marker="o",
            markersize=11, markeredgewidth=0, zorder=1,
        )  # fmt: skip
    limits = [fence(means[:, k]) for k in (0, 1)]
    inside = np.all([(low <= means[:, k]) & (means[:, k] <= high) for k, (low, high) in enumerate(limits)], axis=0)
    for place, (row, name) in enumerate(zip(points.rows, names, strict=True)):
        if not inside[place]:
            continue
        look, prominent = scene.look(name), name in scene.prominent or name == SINGLE
        if prominent and len(scene.scores.seeds) > 1:
            of_seed = scene.scores.values[:, row][:, points.columns]
            axes.plot(*of_seed.T, color=look.color, marker=".", linestyle="", markersize=3, alpha=0.45, zorder=2)
        if name == SINGLE:
            for line, value in zip((axes.axvline, axes.axhline), means[place], strict=True):
                line(value, color=INK, linestyle="--", linewidth=0.7, zorder=1.2)
        axes.plot(
            *means[place], color=look.color, marker=look.marker or "o", linestyle="",
            markerfacecolor=look.color if points.whole[place] else "#ffffff",
            markersize=6.5 if prominent else 4, alpha=1 if prominent else 0.7, zorder=3 if prominent else 2.5,
        )  # fmt: skip
    _name_the_grey(axes, scene, names, points, inside)
    # Up and to the right is better, whatever the metric's direction.
    for measure, invert in ((x, axes.invert_xaxis), (y, axes.invert_yaxis)):
        if not measure.higher_is_better:
            invert()
    axes.set_xlabel(described(x))
    axes.set_ylabel(described(y))
    axes.set_title(of_data(fraction), loc="left")
    far = [f"{names[i]} ({means[i, 0]:.4g}, {means[i, 1]:.4g})" for i in np.flatnonzero(~inside).tolist()]
    if far:
        rest = f"\n{len(far) - _NAMED} more" if len(far) > _NAMED else ""
        axes.text(
            0.02, 0.02, "off: " + "\n".join(far[:_NAMED]) + rest, transform=axes.transAxes, fontsize=6.5, va="bottom",
            color=INK, linespacing=1.1, zorder=5,
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "#ffffff", "edgecolor": "none", "alpha": 0.7},
        )  # fmt: skip
    return far


def _name_the_grey(axes: Axes, scene: Scene, names: list[str], points: Points, inside: NDArray[np.bool_]) -> None:
    """The names of those on the front that no legend names."""
    grey = [i for i in np.flatnonzero(points.front & inside).tolist() if names[i] not in scene.prominent]
    for i in grey:
        axes.annotate(
            names[i], points.means[i], xytext=(3, 3), textcoords="offset points", fontsize=6.5, color=INK, zorder=4
        )
