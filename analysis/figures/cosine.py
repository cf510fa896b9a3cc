"""Gradient cosine: how far the tasks' gradients in the trunk agree, against the steps, if it was recorded."""

from matplotlib.axes import Axes

from mtlray.analysis.figures.panels import Drawing, draw_curves, each_panel, legend
from mtlray.analysis.figures.scene import NothingToDraw, Scene, of_data

_PREFIX = "gradient/cosine"


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no curve has a column `gradient/cosine…` with a value."""
    curves = scene.curves
    panels = [
        (str(column), fraction)
        for column in curves.columns
        if str(column).startswith(_PREFIX)
        for fraction in scene.fractions
        if curves.loc[curves["fraction"] == fraction, column].notna().any()
    ]
    if not panels:
        raise NothingToDraw("the cosine of the tasks' gradients was not recorded")
    shown = set[str]()

    def panel(axes: Axes, item: tuple[str, float]) -> None:
        column, fraction = item
        axes.axhline(0, color="#8c959f", linewidth=0.8)
        frame = draw_curves(axes, scene, curves[curves["fraction"] == fraction], column)
        shown.update(frame["series"])
        of = column.removeprefix(_PREFIX).strip("/_:")
        axes.set_title(f"{of}, {of_data(fraction)}" if of else of_data(fraction), loc="left")
        axes.set_ylabel("gradient cosine")

    most = len(scene.fractions) if 1 < len(scene.fractions) <= 3 else 3
    figure = each_panel(panels, panel, "step", most)
    legend(figure, scene, shown)
    return Drawing(
        figure=figure,
        caption="Cosine between the tasks' gradients in the trunk; below zero they conflict. Mean over seeds, band ± one "
        "standard deviation.",
    )
