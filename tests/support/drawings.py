"""Drawings: a figure of a fabricated sweep, and what is in it."""

from mtlray.analysis.figures import figure
from mtlray.analysis.figures.scene import scene
from mtlray.analysis.grid.load import load
from mtlray.analysis.grid.selection import rule

DATASET = "multi_mnist-left-right"
BOTH = ("left", "right")


def drawn(sweep, name, dataset=DATASET, select="best_val"):
    return figure(name, scene(load(sweep.folder), rule(select), dataset))


def panels(drawing):
    return drawing.figure.axes


def legend(drawing):
    return [text.get_text() for part in drawing.figure.legends for text in part.get_texts()]


def line(axes, color):
    (found,) = [found for found in axes.lines if found.get_color() == color]
    return found
