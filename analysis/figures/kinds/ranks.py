"""Ranks: each strategy's mean rank, as the leaderboard has it, with the ranks that the seeds leave possible."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mtlray.analysis.figures.panels import WIDTH, Drawing, broken
from mtlray.analysis.figures.scene import NothingToDraw, Scene, listed
from mtlray.analysis.figures.seeds import ONE_SEED, seeds
from mtlray.analysis.figures.style import FAINT, INK
from mtlray.analysis.kinds.placing import seed_ranks

_ROW = 0.2  # inches
_NAME = 30  # characters of a name on a line


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where fewer than two strategies can be compared."""
    found, place = scene.scores, scene.placing
    order = [i for i in np.argsort(place.rank, kind="stable").tolist() if np.isfinite(place.rank[i])]
    if len(order) < 2 or all(found.diverged[i].any() for i in order):
        raise NothingToDraw("no two or more strategies have finished the same seeds in all cells of the table")
    names = [found.strategies[i] for i in order]
    of_seeds = seeds(scene)
    labels = [broken(of_seeds.label(scene, name), _NAME) for name in names]
    n_lines = sum(label.count("\n") for label in labels)
    figure = Figure(figsize=(WIDTH, 1.05 + _ROW * len(names) + 0.13 * n_lines), layout="constrained")
    axes = figure.subplots()
    _rows(axes, scene, order)
    axes.set_yticks(range(len(names)), labels)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0.5 - 0.01 * len(names), len(names) + 0.5)
    axes.set_xticks(_ticks(len(names)))
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("mean rank (1 is best)")
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=8 if len(names) <= 20 else 7.5)
    figure.legend(
        handles=_legend(len(found.seeds) > 1, bool(found.diverged[order].any())),
        loc="outside lower center",
        ncols=3,
        columnspacing=1.2,
    )
    left_out = [s for i, s in enumerate(found.strategies) if i not in order]
    return Drawing(
        figure=figure,
        caption=f"Mean rank of the means as printed, over tasks and fractions alike, rule {scene.selected.name}. Bar: the ranks "
        "that the seeds leave possible, for one strategy with 95 % (paired t-tests, corrected for rivals and columns). What "
        f"diverged is last, whatever is left of it. {of_seeds.note(names)}"
        + listed(" Not ranked, because seeds are missing or are others than most have: ", left_out),
    )


def _rows(axes: Axes, scene: Scene, order: list[int]) -> None:
    """A row for each strategy: its bar, its rank, that of each seed, and the number at the right."""
    found, place = scene.scores, scene.placing
    of_seed = seed_ranks(found, list(range(len(found.columns))))
    for row, i in enumerate(order):
        name, rank = found.strategies[i], place.rank[i]
        look = scene.look(name)
        out = bool(found.diverged[i].any())
        axes.plot([place.low[i], place.high[i]], [row, row], color=look.color, linewidth=1.1, alpha=0.6)
        alone = of_seed[np.isfinite(of_seed[:, i]), i]
        if len(alone) > 1 and not out:
            axes.plot(
                alone, np.full(len(alone), row), color=look.color, marker=".", linestyle="", markersize=3, alpha=0.6
            )
        marker = look.marker if name in scene.prominent else "o"
        face = "none" if out else look.color
        axes.plot(rank, row, marker=marker, color=look.color, markerfacecolor=face, markersize=5.5, linestyle="")
        axes.annotate(f"{rank:.2f}", (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=7.5)


def _legend(several: bool, diverged: bool) -> list[Line2D]:
    rank = Line2D([], [], color=FAINT, marker="o", label="mean rank, and what is possible")
    hollow = Line2D([], [], color=FAINT, marker="o", markerfacecolor="none", linestyle="", label="diverged")
    return [rank, *([ONE_SEED] if several else []), *([hollow] if diverged else [])]


def _ticks(n: int) -> list[int]:
    step = max(1, round(n / 8))
    return sorted({1, *range(step, n + 1, step)})
