"""The figure of trajectories: for each strategy the plane of the two numbers, and that of the two losses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mtlray.errors import DataError
from mtlray.own_settings import own_settings
from mtlray.toy.problem import front, losses
from mtlray.toy.trajectories import Trajectory

_COLUMNS = 5
_POINTS = 1500  # of a trajectory that are drawn
_EDGE = 10.5


@own_settings({})
def draw(trajectories: Sequence[Trajectory], scale: float, out: Path) -> None:
    """Write the figure. Colours run from the first step to the last, black dots are starts and the grey line is the front.

    Raises DataError where the file cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    columns = min(_COLUMNS, len(trajectories))
    rows = 2 * (-(-len(trajectories) // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(3 * columns, 2.8 * rows), squeeze=False, layout="constrained")
    best = front()
    for axis in axes.flat:
        axis.set_visible(False)
    for i, one in enumerate(trajectories):
        numbers, values = (axes[2 * (i // columns) + k, i % columns] for k in (0, 1))
        _contours(numbers, scale)
        numbers.set(xlim=(-_EDGE, _EDGE), ylim=(-_EDGE, _EDGE), xlabel="first number", ylabel="second number")
        numbers.set_title(one.strategy, fontsize=10)
        values.set(xlabel="first loss", ylabel="second loss")
        values.set_title(f"distance to the front {_range(one)}", fontsize=8)
        for axis, way, of_front in ((numbers, one.points, best), (values, one.losses, losses(best, scale))):
            axis.set_visible(True)
            axis.plot(*of_front.T.numpy(), color="grey", linewidth=4, alpha=0.6, zorder=2)
            _ways(axis, way.numpy())
            axis.tick_params(labelsize=7)
    figure.suptitle(
        f"Two losses of two numbers, the first one times {scale:g}; from dark to light: first to last step", fontsize=9
    )
    try:
        figure.savefig(out, dpi=120)
    except (OSError, ValueError) as error:
        raise DataError(f"The figure should be written to `{out}`. Found: {error}.") from error
    finally:
        plt.close(figure)


def _contours(axis: Any, scale: float) -> None:
    at = torch.linspace(-_EDGE, _EDGE, 121, dtype=torch.float64)
    grid = torch.cartesian_prod(at, at)
    mean = losses(grid, scale).mean(dim=1).view(121, 121).T.numpy()
    axis.contour(at.numpy(), at.numpy(), mean, levels=12, colors="lightgrey", linewidths=0.6, zorder=1)


def _ways(axis: Any, way: np.ndarray) -> None:
    """The ways from all starts, `[step, start, 2]`."""
    chosen = np.unique(np.linspace(0, len(way) - 1, min(len(way), _POINTS)).astype(int))
    for start in range(way.shape[1]):
        drawn = way[chosen, start]
        axis.scatter(*drawn.T, c=chosen, cmap="plasma", s=2, linewidths=0, zorder=3)
        axis.plot(*way[0, start], "o", color="black", markersize=4, zorder=4)
        axis.plot(*way[-1, start], "*", color="crimson", markersize=7, zorder=5)


def _range(one: Trajectory) -> str:
    known = one.distance[one.distance.isfinite()]
    failed = len(one.distance) - len(known)
    words = f"{known.min():.2g} to {known.max():.2g}" if len(known) else ""
    return ", ".join(filter(None, [words, f"{failed} not finite" if failed else ""]))
