"""Performance profiles: the share of runs whose score, single-task being 1, lies above each threshold."""

import numpy as np

from mtlray.analysis.figures.panels import Drawing, grid_of_axes, legend
from mtlray.analysis.figures.scene import SINGLE, NothingToDraw, Scene, listed
from mtlray.analysis.grid.scores import scores
from mtlray.analysis.statistics import normalised, performance_profile


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw without a complete single-task baseline whose means are positive."""
    found = scores(scene.results, scene.selected, scene.grid)
    if SINGLE not in found.strategies:
        raise NothingToDraw("the sweep has no single-task baseline to compare with")
    of_single = found.values[:, found.row(SINGLE)]
    known = np.isfinite(of_single)
    if not found.columns or not known.any(axis=0).all():
        raise NothingToDraw("the single-task baseline has no finished trial in some cells")
    baseline = np.where(known, of_single, 0.0).sum(axis=0) / known.sum(axis=0)
    if (baseline <= 0).any() or (found.values[np.isfinite(found.values)] <= 0).any():
        raise NothingToDraw("a score that is zero or negative has no ratio to the single-task baseline")
    runs: dict[str, np.ndarray] = {}
    for i, name in enumerate(found.strategies):
        # One number at a time: a run that is missing is left out, and said so, while its neighbours stay.
        seeds, columns = np.nonzero(np.isfinite(found.values[:, i]))
        if len(seeds):
            up = found.higher_is_better[columns]
            runs[name] = normalised(found.values[seeds, i, columns], baseline[columns], up)
    everything = np.concatenate(list(runs.values()))
    low, high = np.quantile(everything, 0.01), everything.max()
    margin = 0.03 * (high - low) or 0.01
    thresholds = np.linspace(low - margin, high + margin, 400)

    figure, [[axes]] = grid_of_axes(1, 1)
    for name in (*scene.names, *(name for name in (SINGLE,) if name not in scene.names)):
        if name not in runs:
            continue
        look, share = scene.look(name), performance_profile(runs[name], thresholds)
        if name in scene.prominent or name == SINGLE:
            axes.step(thresholds, share, where="post", color=look.color, linestyle=look.dashes, linewidth=1.4)
            at = (list(scene.prominent).index(name) + 1) * 12 if name in scene.prominent else 0
            axes.plot(
                thresholds[at::80], share[at::80], color=look.color, marker=look.marker, linestyle="", markersize=4
            )
        else:
            axes.step(thresholds, share, where="post", color=look.color, linewidth=0.7, alpha=0.45, zorder=1.5)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(thresholds[0], thresholds[-1])
    axes.set_xlabel("score τ, the single-task mean being 1")
    axes.set_ylabel("share of runs above τ")
    legend(figure, scene, runs)
    missing = [name for i, name in enumerate(found.strategies) if not found.complete[i].all() and name != SINGLE]
    return Drawing(
        figure=figure,
        caption="Share of runs, one for each seed and cell of the table, whose score is above τ; further right is better. "
        f"Scores are ratios to the single-task mean of the same cell under the rule {scene.selected.name}, turned over "
        "where lower is better." + listed(" Some runs are missing of: ", missing),
    )
