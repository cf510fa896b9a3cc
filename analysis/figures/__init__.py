"""Figures: what a sweep's results look like, one figure a file; drawn without a display."""

from mtlray.analysis.figures.files import draw, save
from mtlray.analysis.figures.registry import FIGURES, Kind, figure

__all__ = ["FIGURES", "Kind", "draw", "figure", "save"]
