"""Performance profiles: the share of runs whose score, single-task being 1, lies above each threshold."""

import numpy as np
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from mtlray.analysis.figures.limits import fence
from mtlray.analysis.figures.panels import Drawing, grid_of_axes, legend
from mtlray.analysis.figures.scene import SINGLE, NothingToDraw, Scene
from mtlray.analysis.figures.seeds import seeds
from mtlray.analysis.statistics import normalised, performance_profile

_POINTS = 300


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw without a complete single-task baseline whose means are positive."""
    runs = _runs(scene)
    found = scene.scores
    # A run that was lost is above no threshold; of one to come nothing is known.
    reached = {name: len(runs[name]) / (len(runs[name]) + int(found.lost[found.row(name)].sum())) for name in runs}
    everything = np.concatenate(list(runs.values()))
    low, high = fence(everything)
    margin = 0.03 * (high - low) or 0.01
    thresholds = np.linspace(low - margin, high + margin, _POINTS)
    shares = {name: reached[name] * performance_profile(of, thresholds) for name, of in runs.items()}

    figure, [[axes]] = grid_of_axes(1, 1)
    grey = [np.stack([thresholds, share], axis=1) for name, share in shares.items() if name not in scene.prominent]
    if grey:
        axes.add_collection(LineCollection(grey, colors=scene.look("").color, linewidths=0.7, alpha=0.45, zorder=1.5))
    for place, (name, look) in enumerate((n, look) for n, look in scene.prominent.items() if n in shares):
        # Markers where the curve falls; elsewhere all lie on one line.
        falling = np.flatnonzero((shares[name] > 0.01) & (shares[name] < reached[name] - 0.01))
        axes.plot(
            thresholds, shares[name], color=look.color, linestyle=look.dashes, linewidth=1.3, drawstyle="steps-post",
            marker=look.marker, markersize=4, markevery=falling[3 * place :: max(1, len(falling) // 4)].tolist(),
        )  # fmt: skip
    axes.axvline(1, color=scene.look("").color, linewidth=0.8, linestyle=":")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(thresholds[0], thresholds[-1])
    axes.set_xlabel("score τ, the single-task mean being 1")
    axes.set_ylabel("share of runs above τ")
    of_seeds = seeds(scene)
    legend(figure, scene, runs, of_seeds)
    cut = int(((everything < low) | (everything > high)).sum())
    return Drawing(
        figure=figure,
        caption="Share of runs, one for each seed and column of the table, whose score is above τ; further right is better. "
        f"Scores are ratios to the single-task mean of the same column, rule {scene.selected.name}, turned over where lower is "
        f"better. A run that diverged, failed or is not finite is above no τ. {of_seeds.note(runs)}"
        + (f" {cut} runs lie beyond the horizontal axis, and count." if cut > 1 else "")
        + (" 1 run lies beyond the horizontal axis, and counts." if cut == 1 else ""),
    )


def _runs(scene: Scene) -> dict[str, NDArray[np.float64]]:
    """The scores of each strategy's runs, one for each seed and column that has a number."""
    found = scene.scores
    if SINGLE not in found.strategies:
        raise NothingToDraw("the sweep has no single-task baseline to compare with")
    of_single = found.values[:, found.row(SINGLE)]
    known = np.isfinite(of_single)
    if not found.columns or not known.any(axis=0).all():
        raise NothingToDraw("the single-task baseline has no finished trial in some cells")
    baseline = np.where(known, of_single, 0.0).sum(axis=0) / known.sum(axis=0)
    if (baseline <= 0).any() or (found.values[np.isfinite(found.values)] <= 0).any():
        raise NothingToDraw("a score that is zero or negative has no ratio to the single-task baseline")
    runs: dict[str, NDArray[np.float64]] = {}
    for i, name in enumerate(found.strategies):
        run, columns = np.nonzero(np.isfinite(found.values[:, i]))
        if len(run):
            up = found.higher_is_better[columns]
            runs[name] = normalised(found.values[run, i, columns], baseline[columns], up)
    return runs
