"""Scale: the sum of the weights and the norm of the trunk's gradient, which act like a learning rate."""

from matplotlib.axes import Axes

from mtlray.analysis.figures.panels import Drawing, draw_curves, each_panel, legend, log_where_wide
from mtlray.analysis.figures.scene import NothingToDraw, Scene, of_data

_COLUMNS = {"weight_sum": "sum of weights", "grad_norm/trunk": "norm of the trunk's gradient"}


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where neither was recorded."""
    curves = scene.curves
    panels = [
        (column, fraction)
        for column in _COLUMNS
        for fraction in scene.fractions
        if column in curves and curves.loc[curves["fraction"] == fraction, column].notna().any()
    ]
    if not panels:
        raise NothingToDraw("neither weights nor gradient norms were recorded")
    shown = set[str]()
    drawn: dict[str, list[Axes]] = {}

    def panel(axes: Axes, item: tuple[str, float]) -> None:
        column, fraction = item
        frame = draw_curves(axes, scene, curves[curves["fraction"] == fraction], column)
        shown.update(frame["series"])
        drawn.setdefault(column, []).append(axes)
        axes.set_title(of_data(fraction), loc="left")
        axes.set_ylabel(_COLUMNS[column])

    most = len(scene.fractions) if 1 < len(scene.fractions) <= 3 else 3
    figure = each_panel(panels, panel, "step", most)
    for panels_of_one in drawn.values():
        log_where_wide(panels_of_one)
    legend(figure, scene, shown)
    return Drawing(
        figure=figure,
        caption="What a weighting does to the size of a step. Above, the sum of the weights; below, the Euclidean norm of "
        "the trunk's gradient with the weights in it, at the last step before each evaluation. Mean over seeds, band ± "
        "one standard deviation.",
    )
