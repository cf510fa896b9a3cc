"""Weight trajectories: the weight of each task's gradient in the trunk against the steps."""

from mtlray.analysis.figures.lines import draw_lines, panels_of
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import NothingToDraw, Scene


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no multi-task strategy recorded a weight."""
    curves = scene.curves
    curves = curves[~curves["strategy"].isin(scene.grid.single_task)]  # a task that is alone has nothing to weigh
    panels = panels_of(scene, curves, [(f"weight/{task}", f"weight of {task}") for task in scene.tasks])
    if not panels:
        raise NothingToDraw("no strategy that trains several tasks recorded a weight")
    return draw_lines(
        scene, curves, panels, "Weight of each task's gradient in the trunk, a mean over the steps since the last evaluation. "
        "A strategy that defines no weights has no line.",
    )  # fmt: skip
