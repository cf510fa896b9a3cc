"""Pareto scatter: two tasks against each other, a point for each strategy, and the front of those that no other dominates."""

import itertools

import numpy as np
from matplotlib.axes import Axes

from mtlray.analysis.figures.panels import Drawing, each_panel, legend
from mtlray.analysis.figures.scene import NothingToDraw, Scene, described, of_data
from mtlray.analysis.figures.style import FAINT, INK
from mtlray.analysis.grid.cells import Column, Measure
from mtlray.analysis.statistics import pareto_front

_MOST = 6  # panels


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no strategy has numbers for two tasks."""
    first = list({measure.task: measure for measure in reversed(scene.measures)}.values())[::-1]
    panels = [
        (x, y, fraction)
        for x, y in itertools.combinations(first, 2)
        for fraction in scene.fractions
        if _points(scene, x, y, fraction)
    ]
    if not panels:
        raise NothingToDraw("no strategy has numbers for two tasks")
    shown = set[str]()

    def panel(axes: Axes, item: tuple[Measure, Measure, float]) -> None:
        points = _points(scene, *item)
        shown.update(points)
        _panel(axes, scene, item, points)

    cut = len(panels) - _MOST
    figure = each_panel(panels[:_MOST], panel, "", 2, share_x=False)
    legend(figure, scene, shown)
    return Drawing(
        figure=figure,
        caption="Two tasks at a time, each by its first metric, mean over the seeds that are done; bars ± one standard "
        f"deviation, rule {scene.selected.name}. Up and to the right is better. Grey rings, joined by a line, mark the "
        "strategies that no other dominates; dashed lines are the single-task means."
        + (f" {cut} more pairs of tasks and fractions are not shown." if cut > 0 else ""),
    )


Pair = tuple[tuple[float, float], tuple[float, float]]


def _panel(axes: Axes, scene: Scene, item: tuple[Measure, Measure, float], points: dict[str, Pair]) -> None:
    """One pair of tasks at one fraction: the strategies' points, their front, and single-task as lines."""
    x, y, fraction = item
    signs = [1 if measure.higher_is_better else -1 for measure in (x, y)]
    for measure, line in ((x, axes.axvline), (y, axes.axhline)):
        single = _single_task(scene, measure, fraction)
        if single is not None:
            line(single, color=INK, linestyle="--", linewidth=0.9)
    means = np.array([[mean for mean, _ in pair] for pair in points.values()])
    front = means[pareto_front(means * signs)]
    front = front[np.argsort(front[:, 0])]
    axes.plot(
        front[:, 0], front[:, 1], color=FAINT, linewidth=4, alpha=0.35, solid_capstyle="round", marker="o",
        markersize=13, markeredgewidth=0, zorder=1,
    )  # fmt: skip
    for name, (of_x, of_y) in points.items():
        look, prominent = scene.look(name), name in scene.prominent
        if prominent:
            axes.errorbar(
                of_x[0], of_y[0], xerr=of_x[1], yerr=of_y[1], color=look.color, linewidth=0.8, alpha=0.7, capsize=2
            )
        axes.plot(
            of_x[0], of_y[0], color=look.color, marker=look.marker or "o", linestyle="",
            markersize=6 if prominent else 4, alpha=1 if prominent else 0.7,
        )  # fmt: skip
    # Up and to the right is better, whatever the metric's direction.
    if signs[0] < 0:
        axes.invert_xaxis()
    if signs[1] < 0:
        axes.invert_yaxis()
    axes.set_xlabel(described(x))
    axes.set_ylabel(described(y))
    axes.set_title(of_data(fraction), loc="left")


def _points(scene: Scene, x: Measure, y: Measure, fraction: float) -> dict[str, Pair]:
    """Mean and standard deviation on both tasks, for the strategies that train both; 0 where a deviation is unknown."""
    points = {}
    for strategy in scene.grid.strategies:
        if strategy in scene.grid.single_task:
            continue
        cells = [scene.grid.cells.get((strategy, Column(measure=m, fraction=fraction))) for m in (x, y)]
        numbers = [(cell.mean, cell.std or 0.0) for cell in cells if cell is not None and cell.mean is not None]
        if len(numbers) == 2:
            points[scene.series[strategy]] = (numbers[0], numbers[1])
    return points


def _single_task(scene: Scene, measure: Measure, fraction: float) -> float | None:
    """The best single-task mean of a measure."""
    cells = [scene.grid.cells.get((s, Column(measure=measure, fraction=fraction))) for s in scene.grid.single_task]
    means = [cell.mean for cell in cells if cell is not None and cell.mean is not None]
    if not means:
        return None
    return max(means) if measure.higher_is_better else min(means)
