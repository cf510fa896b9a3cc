"""Conflict rate: how often two tasks' gradients in the trunk point against each other, against the steps, if recorded."""

from mtlray.analysis.figures.lines import draw_lines, panels_of
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import NothingToDraw, Scene


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no curve has the conflict rate."""
    panels = panels_of(scene, scene.curves, [("gradient/conflict_rate", "conflict rate")], bounds=(0.0, 1.0))
    if not panels:
        raise NothingToDraw(
            "conflicts of the tasks' gradients were not recorded; give the sweep `gradient_diagnostics=True`"
        )
    return draw_lines(
        scene, scene.curves, panels, "Share of pairs of tasks and batches whose gradients in the trunk have a negative inner "
        "product; at one half, the dotted line, a conflict is as frequent as agreement.", may_be_log=False, level=0.5,
    )  # fmt: skip
