"""Scale: the sum of the weights and the norm of the trunk's gradient, which act like a learning rate."""

from mtlray.analysis.figures.lines import draw_lines, panels_of
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import NothingToDraw, Scene

_COLUMNS = {"weight_sum": "sum of weights", "grad_norm/trunk": "norm of the trunk's gradient"}


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where neither was recorded."""
    panels = panels_of(scene, scene.curves, _COLUMNS.items())
    if not panels:
        raise NothingToDraw("neither weights nor gradient norms were recorded")
    return draw_lines(
        scene, scene.curves, panels, "What a weighting does to the size of a step: the sum of the weights, and the Euclidean "
        "norm of the trunk's gradient with the weights in it, at the last step before each evaluation. Single-task has a line "
        "for each task.",
    )  # fmt: skip
