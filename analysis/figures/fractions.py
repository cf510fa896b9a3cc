"""Fractions: each metric under the selection rule against the share of the training data."""

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from mtlray.analysis.figures.panels import Drawing, each_panel, legend
from mtlray.analysis.figures.scene import NothingToDraw, Scene, described
from mtlray.analysis.grid.cells import Measure
from mtlray.words.values import per_cent


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where the sweep has one data fraction or no trial that is done."""
    fractions = sorted(scene.fractions)
    if len(fractions) < 2:
        raise NothingToDraw("the sweep has one data fraction")
    if not scene.measures:
        raise NothingToDraw("no trial is done")
    shown = set[str]()
    # A strategy's points stand a little beside the others', so that their bars do not cover each other.
    smallest = min(b / a for a, b in itertools.pairwise(fractions))
    apart = 0.15 * np.log(smallest) / max(1, len(scene.prominent))

    def panel(axes: Axes, measure: Measure) -> None:
        found = {fraction: scene.values(measure, fraction).groupby("series")["value"] for fraction in fractions}
        for name in scene.names:
            points = [(fraction, group.get_group(name)) for fraction, group in found.items() if name in group.groups]
            if not points:
                continue
            shown.add(name)
            look = scene.look(name)
            x = np.array([fraction for fraction, _ in points])
            mean = np.array([values.mean() for _, values in points])
            if name not in scene.prominent:
                axes.plot(x, mean, color=look.color, linewidth=0.7, alpha=0.45, zorder=1.5)
                continue
            std = np.array([values.std() if len(values) > 1 else 0.0 for _, values in points])
            place = list(scene.prominent).index(name) - (len(scene.prominent) - 1) / 2
            axes.errorbar(
                x * np.exp(apart * place), mean, yerr=std, color=look.color, marker=look.marker, linestyle=look.dashes,
                linewidth=1.2, capsize=2, elinewidth=0.9,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(fractions))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{per_cent(fraction)} %" for fraction in fractions]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylabel(described(measure))

    figure = each_panel(scene.measures, panel, "share of the training data")
    legend(figure, scene, shown)
    return Drawing(
        figure=figure,
        caption=f"Test value under the rule {scene.selected.name} against the share of the training data, on a logarithmic "
        "axis: mean over the seeds that are done, bars ± one standard deviation (ddof 1). Points of one share stand side "
        "by side so that their bars can be told apart.",
    )
