"""Registry: all figures, by name."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from mtlray.analysis.figures.kinds import (
    backwards,
    conflicts,
    cosine,
    embedding,
    fractions,
    gong2019_figure1,
    learning,
    magnitudes,
    pareto,
    profiles,
    ranks,
    scale,
    sensitivity,
    time,
    weights,
)
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import Scene
from mtlray.analysis.figures.style import PARAMETERS
from mtlray.errors import unknown_name
from mtlray.own_settings import own_settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of figure: its name on the command line, its title in the report, and what draws it.

    One that takes long is left out of the report.
    """

    name: str
    title: str
    draw: Callable[[Scene], Drawing]
    takes_long: bool = False


FIGURES = (
    Kind(name="ranks", title="Mean ranks", draw=ranks.draw),
    Kind(name="pareto", title="Two tasks against each other", draw=pareto.draw),
    Kind(name="profiles", title="Performance profiles", draw=profiles.draw),
    Kind(name="learning", title="Learning curves", draw=learning.draw),
    Kind(name="time", title="Learning curves by time", draw=time.draw),
    Kind(name="backwards", title="Learning curves by backward passes", draw=backwards.draw),
    Kind(name="fractions", title="Test value and amount of data", draw=fractions.draw),
    Kind(name="sensitivity", title="Sensitivity to the learning rate", draw=sensitivity.draw),
    Kind(name="weights", title="Weights of the tasks", draw=weights.draw),
    Kind(name="scale", title="Sum of weights and norm of the gradient", draw=scale.draw),
    Kind(name="cosine", title="Cosine of the tasks' gradients", draw=cosine.draw),
    Kind(name="conflicts", title="Conflicts of the tasks' gradients", draw=conflicts.draw),
    Kind(name="magnitudes", title="Similarity of the gradients' lengths", draw=magnitudes.draw),
    Kind(name="embedding", title="Embedding of the trunk", draw=embedding.draw),
    Kind(name="gong2019-figure1", title="Figure 1 of Gong et al. 2019", draw=gong2019_figure1.draw, takes_long=True),
)


def kind(name: str) -> Kind:
    """The kind of figure of that name. Raises SpecError, which lists the valid names."""
    for candidate in FIGURES:
        if candidate.name == name:
            return candidate
    raise unknown_name("figure", name, [candidate.name for candidate in FIGURES])


def figure(name: str, scene: Scene) -> Drawing:
    """Draw one kind of figure of a scene. Raises SpecError for an unknown name, NothingToDraw where there is nothing."""
    with own_settings(PARAMETERS):
        drawn = kind(name).draw(scene)
    where = scene.results.placed.where
    return dataclasses.replace(drawn, caption=f"{drawn.caption} Only trials where {where}.") if where else drawn
