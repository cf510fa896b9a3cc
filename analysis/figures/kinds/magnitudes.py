"""Magnitude similarity: how far the tasks' gradients in the trunk are of one length, against the steps, if recorded."""

from mtlray.analysis.figures.lines import draw_lines, panels_of
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import NothingToDraw, Scene


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no curve has the similarity."""
    panels = panels_of(
        scene, scene.curves, [("gradient/magnitude_similarity", "magnitude similarity")], bounds=(0.0, 1.0)
    )
    if not panels:
        raise NothingToDraw(
            "lengths of the tasks' gradients were not recorded; give the sweep `gradient_diagnostics=True`"
        )
    return draw_lines(
        scene, scene.curves, panels, "2|a||b| / (|a|² + |b|²) of two tasks' gradients a and b in the trunk (Yu et al. 2020), "
        "mean over pairs of tasks and batches; 1, the dotted line, for gradients of equal length.",
        may_be_log=False, level=1.0,
    )  # fmt: skip
