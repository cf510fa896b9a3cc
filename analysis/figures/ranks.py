"""Ranks: each strategy's mean rank with the critical difference of Nemenyi's test, in the manner of Demšar 2006."""

import numpy as np
from matplotlib.figure import Figure

from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import NothingToDraw, Scene, listed
from mtlray.analysis.figures.style import FAINT, INK
from mtlray.analysis.grid.scores import scores
from mtlray.analysis.statistics import critical_difference, mean_rank


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where fewer than two strategies, or no seed, are complete."""
    found = scores(scene.results, scene.selected, scene.grid)
    every = np.asarray(np.isfinite(found.values).all(axis=2))  # [seed, strategy]
    kept = np.asarray(every.any(axis=0))
    seeds = np.asarray(every[:, kept].all(axis=1))
    if not found.columns or kept.sum() < 2 or not seeds.any():
        raise NothingToDraw("no seed is done for two or more strategies in all cells of the table")
    names = [name for name, keep in zip(found.strategies, kept, strict=True) if keep]
    # A seed is one block: the columns of one seed come from the same trials and are no independent repetitions.
    per_seed = np.stack([mean_rank(one, found.higher_is_better) for one in found.values[seeds][:, kept]])
    ranks = per_seed.mean(axis=0)
    n_blocks = int(seeds.sum())
    half = critical_difference(len(names), n_blocks) / 2

    order = np.argsort(ranks, kind="stable")
    longest = max(map(len, names))
    figure = Figure(figsize=(4.4 + 0.075 * longest, 1.0 + 0.24 * len(names)), layout="constrained")
    axes = figure.subplots()
    best = ranks[order[0]]
    axes.axvspan(best - half, best + half, color=FAINT, alpha=0.12, linewidth=0)
    for place, i in enumerate(order):
        prominent = names[i] in scene.prominent
        look = scene.look(names[i])
        axes.plot([ranks[i] - half, ranks[i] + half], [place, place], color=look.color, linewidth=1.1, alpha=0.8)
        axes.plot(ranks[i], place, marker=look.marker if prominent else "o", color=look.color, markersize=5)
        axes.annotate(f"{ranks[i]:.2f}", (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set_yticks(range(len(names)), [names[i] for i in order])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(min(0.7, best - half - 0.1), max(len(names) + 0.3, ranks.max() + half + 0.1))
    axes.set_xticks(_ticks(len(names)))
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("mean rank (1 is best)")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    left_out = [name for name, keep in zip(found.strategies, kept, strict=True) if not keep]
    caption = (
        f"Mean rank over all cells of the table, {_seeds(n_blocks)}, rule {scene.selected.name}. Two strategies differ at "
        "the 5 % level by Nemenyi's test where their bars, one critical difference "
        f"({2 * half:.2f}) long, do not overlap; the shaded band is that of the best. Each seed counts as one repetition."
    )
    return Drawing(figure=figure, caption=caption + listed(" Left out because no seed is complete: ", left_out))


def _ticks(n: int) -> list[int]:
    step = max(1, n // 8)
    return sorted({1, *range(step, n + 1, step)})


def _seeds(n: int) -> str:
    return f"{n} seed{'s' if n != 1 else ''} that all of them finished"
