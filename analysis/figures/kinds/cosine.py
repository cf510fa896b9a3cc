"""Gradient cosine: how far the tasks' gradients in the trunk agree, against the steps, if it was recorded."""

from mtlray.analysis.figures.lines import draw_lines, panels_of
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import NothingToDraw, Scene


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no curve has the cosine."""
    panels = panels_of(scene, scene.curves, [("gradient/cosine", "gradient cosine")], bounds=(-1.0, 1.0))
    if not panels:
        raise NothingToDraw(
            "the cosine of the tasks' gradients was not recorded; give the sweep `gradient_diagnostics=True`"
        )
    return draw_lines(
        scene, scene.curves, panels, "Cosine between the tasks' gradients in the trunk, mean over pairs of tasks and batches; "
        "below zero, the dotted line, they conflict.", may_be_log=False, level=0.0,
    )  # fmt: skip
