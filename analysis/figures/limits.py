"""Limits: where an axis ends, so that a few far values do not squeeze all others; what is cut is named at the axis' edge."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mtlray.analysis.figures.style import INK

_FEWEST = 4  # values among which one can be far
_SQUEEZED = 5.0  # by which factor the others must be squeezed for a far value to be cut
_NAMED = 3


def fence(values: ArrayLike) -> tuple[float, float]:
    """The lowest and the highest of the values that an axis shows.

    Left out are values beyond three interquartile ranges from the quartiles (Tukey's far outliers), and only where the axis
    would be more than five times as long with them.
    """
    array = np.asarray(values, dtype=np.float64)
    array = array[np.isfinite(array)]
    if not len(array):
        return 0.0, 1.0
    low, high = float(array.min()), float(array.max())
    if len(array) < _FEWEST:
        return low, high
    first, third = np.quantile(array, [0.25, 0.75])
    reach = 3 * (third - first)
    kept = array[(array >= first - reach) & (array <= third + reach)]
    span = float(np.ptp(kept)) if len(kept) else 0.0
    return (float(kept.min()), float(kept.max())) if span > 0 and high - low > _SQUEEZED * span else (low, high)


def beyond(values: Mapping[str, float], low: float, high: float) -> tuple[list[str], list[str]]:
    """The names whose value is below, and those whose value is above two limits, the farthest first."""
    below = sorted((name for name, value in values.items() if value < low), key=values.__getitem__)
    above = sorted((name for name, value in values.items() if value > high), key=lambda name: -values[name])
    return below, above


def say_beyond(axes: Axes, values: Mapping[str, float], names: Sequence[str], *, bottom: bool) -> None:
    """Name what is cut, with its value, at the lower or the upper edge of a panel."""
    if not names:
        return
    listing = [f"{name} {values[name]:.4g}" for name in names[:_NAMED]]
    rest = f", {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    # On a line each, because a name may be as long as the panel is wide.
    text = ("below:\n" if bottom else "above:\n") + "\n".join(listing) + rest
    axes.text(
        0.98, 0.02 if bottom else 0.98, text, transform=axes.transAxes, ha="right", va="bottom" if bottom else "top",
        fontsize=6.5, color=INK, linespacing=1.1, zorder=5,
        bbox={"boxstyle": "square,pad=0.15", "facecolor": "#ffffff", "edgecolor": "none", "alpha": 0.7},
    )  # fmt: skip
