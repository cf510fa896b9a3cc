"""Learning curves: each metric on the test split against the steps, a panel for each metric and data fraction."""

import pandas as pd

from mtlray.analysis.figures.lines import STEPS, Horizontal, draw_lines, panels_of
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import NothingToDraw, Scene, described

# In the first quarter all curves rise steeply, and an axis that shows it hides what follows.
AFTER = 0.25


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no curve has a value."""
    return against(scene, STEPS, scene.curves, "Test values during training, at every evaluation.")


def against(scene: Scene, over: Horizontal, curves: pd.DataFrame, caption: str) -> Drawing:
    """The metrics on the test split against a column of the curves. Raises NothingToDraw where no curve has a value."""
    columns = [(f"test/{measure.task}/{measure.metric}", described(measure)) for measure in scene.measures]
    panels = panels_of(scene, curves, columns)
    if not panels:
        raise NothingToDraw("no curve has a test value")
    fitted = "The vertical axis is fitted to what follows the first quarter."
    return draw_lines(scene, curves, panels, f"{caption} {fitted}", over=over, may_be_log=False, after=AFTER)
