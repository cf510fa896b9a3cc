"""Style: how every figure looks. Colours that colour-blind readers tell apart, each with a marker of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

# Ink, grid and the lines that stand back. The report replaces these three, and the palette, to follow a dark theme.
INK, FAINT, RULE = "#1f2328", "#8c959f", "#d8dee4"

# Okabe and Ito 2008, "Color Universal Design", without black (that is INK) and without yellow, which white swallows.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P")

# Seven lines are as many as a reader follows: the palette and INK.
MOST = len(PALETTE) + 1

PARAMETERS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titley": 1.0,  # where it would be found at each drawing anew: no axis has ticks above it
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "text.hinting": "none",  # hinted text is narrower at the resolution of the layout than in the file, and would be cut there
    "text.parse_math": False,  # a $ in a name is a $
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # text as text, which publishers ask for
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How one series is drawn."""

    color: str
    marker: str
    dashes: Literal["-", "--"]


SINGLE_TASK = Look(color=INK, marker="x", dashes="--")
BEHIND = Look(color=FAINT, marker="", dashes="-")


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each of at most seven series, in order; the seventh is drawn in INK."""
    colors = [*PALETTE, INK]
    markers = [*_MARKERS, "*"]
    return {
        name: Look(color=color, marker=marker, dashes="-")
        for name, color, marker in zip(names, colors, markers, strict=False)
    }
