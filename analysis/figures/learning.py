"""Learning curves: each metric on the test split against the steps, a panel for each metric and data fraction."""

import pandas as pd
from matplotlib.axes import Axes

from mtlray.analysis.figures.panels import Drawing, cut_start, draw_curves, each_panel, legend
from mtlray.analysis.figures.scene import NothingToDraw, Scene, described, of_data
from mtlray.analysis.grid.cells import Measure


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no curve has a value."""
    curves = scene.curves
    panels = [
        (measure, fraction)
        for measure in scene.measures
        for fraction in scene.fractions
        if _has(curves, measure, fraction)
    ]
    if not panels:
        raise NothingToDraw("no curve has a test value")
    shown = set[str]()

    def panel(axes: Axes, item: tuple[Measure, float]) -> None:
        measure, fraction = item
        of_fraction = curves[curves["fraction"] == fraction]
        frame = draw_curves(axes, scene, of_fraction, _column(measure))
        shown.update(frame["series"])
        cut_start(axes, frame)
        axes.set_title(of_data(fraction), loc="left")
        axes.set_ylabel(described(measure))

    most = len(scene.fractions) if 1 < len(scene.fractions) <= 3 else 3
    figure = each_panel(panels, panel, "step", most)
    legend(figure, scene, shown)
    return Drawing(
        figure=figure,
        caption="Test values during training: mean over the seeds that are done, band ± one standard deviation (ddof 1). "
        "The vertical axis is fitted to what follows the first quarter of training.",
    )


def _column(measure: Measure) -> str:
    return f"test/{measure.task}/{measure.metric}"


def _has(curves: pd.DataFrame, measure: Measure, fraction: float) -> bool:
    column = _column(measure)
    return column in curves and bool(curves.loc[curves["fraction"] == fraction, column].notna().any())
