"""Weight trajectories: the weight of each task's gradient in the trunk against the steps."""

from matplotlib.axes import Axes

from mtlray.analysis.figures.panels import Drawing, draw_curves, each_panel, legend, log_where_wide
from mtlray.analysis.figures.scene import SINGLE, NothingToDraw, Scene, of_data


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no multi-task strategy recorded a weight."""
    curves = scene.curves
    single = {scene.series[s] for s in scene.grid.single_task} | {SINGLE}  # a task that is alone has nothing to weigh
    curves = curves[~curves["series"].isin(single)]
    panels = [
        (task, fraction)
        for task in scene.tasks
        for fraction in scene.fractions
        if f"weight/{task}" in curves and curves.loc[curves["fraction"] == fraction, f"weight/{task}"].notna().any()
    ]
    if not panels:
        raise NothingToDraw("no strategy that trains several tasks recorded a weight")
    shown = set[str]()
    drawn: list[Axes] = []

    def panel(axes: Axes, item: tuple[str, float]) -> None:
        task, fraction = item
        frame = draw_curves(axes, scene, curves[curves["fraction"] == fraction], f"weight/{task}")
        shown.update(frame["series"])
        drawn.append(axes)
        axes.set_title(of_data(fraction), loc="left")
        axes.set_ylabel(f"weight of {task}")

    most = len(scene.fractions) if 1 < len(scene.fractions) <= 3 else 3
    figure = each_panel(panels, panel, "step", most)
    log_where_wide(drawn)
    legend(figure, scene, shown)
    return Drawing(
        figure=figure,
        caption="Weight of each task's gradient in the trunk, a mean over the steps since the last evaluation: mean over "
        "seeds, band ± one standard deviation. A strategy that defines no weights has no line.",
    )
