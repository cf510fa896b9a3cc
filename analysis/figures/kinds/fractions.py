"""Fractions: each metric under the selection rule against the share of the training data."""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mtlray.analysis.figures.limits import beyond, fence, say_beyond
from mtlray.analysis.figures.panels import MOST_PANELS, Drawing, each_panel, legend, name_places
from mtlray.analysis.figures.scene import NothingToDraw, Scene, described
from mtlray.analysis.figures.seeds import ONE_SEED, seeds
from mtlray.analysis.grid.cells import Measure
from mtlray.words.values import per_cent

_Points = dict[float, pd.Series]  # by fraction, a value for each seed


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where the sweep has one data fraction or no trial that is done."""
    fractions = sorted(scene.fractions)
    if len(fractions) < 2:
        raise NothingToDraw("the sweep has one data fraction")
    if not scene.measures:
        raise NothingToDraw("no trial is done")
    measures = scene.measures[:MOST_PANELS]
    shown, outside = set[str](), list[str]()

    def panel(axes: Axes, measure: Measure) -> None:
        values = {f: dict(iter(scene.values(measure, f).groupby("series"))) for f in fractions}
        points: dict[str, _Points] = {}
        for name in scene.names:
            own = {f: of[name].set_index("seed")["value"] for f, of in values.items() if name in of}
            if own:
                points[name] = own
        shown.update(points)
        outside.extend(_panel(axes, scene, points, fractions))
        axes.set_ylabel(described(measure))

    figure = each_panel(measures, panel, "share of the training data")
    of_seeds = seeds(scene)
    legend(figure, scene, shown, of_seeds, [ONE_SEED] if len(scene.scores.seeds) > 1 else [])
    cut = len(scene.measures) - len(measures)
    said = [
        f"Test value against the share of the training data, rule {scene.selected.name}, logarithmic axis: means over seeds, "
        "bars ± one standard deviation (ddof 1), small dots single seeds of the strategies in colour, side by side so that they "
        "can be told apart. A line joins means of the same seeds alone.",
        of_seeds.note(shown),
        "Strategies beyond an axis are named at its edge, with their farthest mean." if outside else "",
        f"{cut} more metrics are not shown." if cut else "",
    ]
    return Drawing(figure=figure, caption=" ".join(part for part in said if part))


def _panel(axes: Axes, scene: Scene, points: dict[str, _Points], fractions: list[float]) -> list[str]:
    """Draw one metric; returns who is beyond the axis."""
    # A strategy's points stand a little beside the others', so that their bars do not cover each other.
    smallest = min(b / a for a, b in itertools.pairwise(fractions))
    apart = 0.28 * np.log(smallest) / max(1, len(scene.prominent))
    axes.set_xscale("log")
    means = {name: {f: float(values.mean()) for f, values in own.items()} for name, own in points.items()}
    for name, own in points.items():
        look, prominent = scene.look(name), name in scene.prominent
        place = list(scene.prominent).index(name) - (len(scene.prominent) - 1) / 2 if prominent else 0.0
        beside = float(np.exp(apart * place))
        for run in _joined(own, fractions):
            x, mean = np.array(run) * beside, [means[name][f] for f in run]
            if not prominent:
                axes.plot(
                    x,
                    mean,
                    color=look.color,
                    linewidth=0.7,
                    alpha=0.45,
                    zorder=1.5,
                    marker="." if len(run) == 1 else "",
                )
                continue
            std = [own[f].std() if len(own[f]) > 1 else 0.0 for f in run]
            axes.errorbar(
                x, mean, yerr=std, color=look.color, marker=look.marker, linestyle=look.dashes, linewidth=1.2, capsize=2,
                elinewidth=0.9,
            )  # fmt: skip
        if prominent:
            # Right of their bar, which would hide them.
            aside = beside * float(np.exp(0.35 * apart))
            dots = [(f * aside, value) for f, values in own.items() if len(values) > 1 for value in values]
            if dots:
                axes.plot(
                    *zip(*dots, strict=True), color=look.color, marker=".", linestyle="", markersize=3, alpha=0.45
                )
    name_places(axes, {fraction: f"{per_cent(fraction)} %" for fraction in fractions})
    return _fit(axes, scene, points, means)


def _joined(own: _Points, fractions: list[float]) -> Iterator[list[float]]:
    """The fractions of a strategy in runs, within which each mean is over the same seeds as its neighbour."""
    run: list[float] = []
    for fraction in fractions:
        seeds_here = set(own[fraction].index) if fraction in own else set()
        if run and (not seeds_here or seeds_here != set(own[run[-1]].index)):
            yield run
            run = []
        if seeds_here:
            run.append(fraction)
    if run:
        yield run


def _fit(axes: Axes, scene: Scene, points: dict[str, _Points], means: dict[str, dict[float, float]]) -> list[str]:
    """End the vertical axis so that far strategies do not squeeze the others; they are named and returned."""
    # Fractions differ in level, so a strategy is judged by each beside the others at the same one.
    limits = {f: fence([of[f] for of in means.values() if f in of]) for of in means.values() for f in of}
    far = {
        n: of for n, of in means.items() if any(not limits[f][0] <= value <= limits[f][1] for f, value in of.items())
    }
    kept = [
        number
        for name, own in points.items() if name not in far
        for f, values in own.items()
        for number in ((*values, means[name][f]) if name in scene.prominent else (means[name][f],))
    ]  # fmt: skip
    if not kept or not far:
        return []
    low, high = min(kept), max(kept)
    margin = 0.05 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)
    below, _ = beyond(lowest := {name: min(of.values()) for name, of in far.items()}, low - margin, high + margin)
    _, above = beyond(highest := {name: max(of.values()) for name, of in far.items()}, low - margin, high + margin)
    say_beyond(axes, lowest, below, bottom=True)
    say_beyond(axes, highest, above, bottom=False)
    return below + above
