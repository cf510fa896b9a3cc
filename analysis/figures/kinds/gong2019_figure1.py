"""Figure 1 of Gong et al. 2019: t-SNE of the trunk's representation, three rows at three epochs, with numbers beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mtlray.analysis.figures.kinds.separation import Features, Labels, Separation, plane, separation
from mtlray.analysis.figures.panels import WIDTH, Drawing, class_mark
from mtlray.analysis.figures.scene import NothingToDraw, Scene, of_data
from mtlray.analysis.figures.style import FAINT
from mtlray.analysis.layout.listing import number
from mtlray.results.representations import read_representations

ROWS = {
    "single-task": "stl",
    "equal": "equal",
    "revised uncertainty": "revised_uncertainty",
}  # and the strategies' keys
EPOCHS = (1, 100, 200)
TASK = "left"
PAIR = (4, 9)  # the digits that the paper's text names
_SIZE = (WIDTH - 0.3) / 3  # inches, of one panel


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """What one row's trunk made of test examples at one epoch: features `[example, feature]`, classes `[example]`."""

    features: Features
    labels: Labels

    @property
    def numbers(self) -> Separation:
        return separation(self.features, self.labels, PAIR)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """The panels that are stored, by row and epoch in the figure's order, all of one seed and one fraction."""

    fraction: float
    seed: int
    panels: Mapping[tuple[str, int], Panel]


def draw(scene: Scene) -> Drawing:
    """Rows single-task, equal, revised uncertainty; columns epochs 1, 100, 200. Raises NothingToDraw where none is stored."""
    found = stored(scene)
    figure = Figure(figsize=(WIDTH, 0.25 + (_SIZE + 0.35) * len(ROWS)), layout="constrained")
    axes = figure.subplots(len(ROWS), len(EPOCHS), squeeze=False)
    for row, name in zip(axes, ROWS, strict=True):
        row[0].set_ylabel(name)
        for place, epoch in zip(row, EPOCHS, strict=True):
            place.set(xticks=[], yticks=[], title=f"epoch {epoch}")
            place.grid(visible=False)
            _fill(place, found.panels.get((name, epoch)))
    return Drawing(figure=figure, caption=caption(found))


def caption(found: Stored) -> str:
    """What the figure shows, what its numbers are, and which panels are missing."""
    missing = [f"{name} at epoch {epoch}" for name in ROWS for epoch in EPOCHS if (name, epoch) not in found.panels]
    n_examples = len(next(iter(found.panels.values())).labels)
    return (
        f"t-SNE of the last layer of the shared trunk on {n_examples:,} test examples, seed {found.seed}, "
        f"{of_data(found.fraction)}; each mark is the class of the {TASK} digit. The numbers are computed from the features, "
        f"not from the plane: the silhouette of the ten digits, that of {PAIR[0]} and {PAIR[1]} alone, and the accuracy of 10 "
        "nearest neighbours, each example left out in turn. Of the plane only neighbourhoods are meaningful; distances between "
        "groups and their sizes are not." + (f" Not stored: {', '.join(missing)}." if missing else "")
    )


def numbers(scene: Scene) -> pd.DataFrame:
    """The numbers below the panels: row, epoch, fraction, seed, silhouette, silhouette_pair, neighbours_accuracy in per cent.

    Raises NothingToDraw where none is stored.
    """
    found = stored(scene)
    return pd.DataFrame(
        [
            {"row": row, "epoch": epoch, "fraction": found.fraction, "seed": found.seed}
            | {"silhouette": of.classes, "silhouette_pair": of.pair, "neighbours_accuracy": of.neighbours}
            for (row, epoch), panel in found.panels.items()
            for of in [panel.numbers]
        ]
    )


def stored(scene: Scene) -> Stored:
    """The panels of the largest fraction that has any, and of the seed that has most of them, the first of several.

    Raises NothingToDraw where there is none.
    """
    names = _rows(scene)
    table = read_representations(scene.results.ledger.store, scene.grid.dataset, trials=names.keys())
    frame = pd.DataFrame() if table is None else table.to_pandas()
    found: dict[tuple[float, int], dict[tuple[str, int], Panel]] = {}
    if f"label/{TASK}" in frame:
        frame = frame[frame["epoch"].isin(EPOCHS)]
        parts: Iterable[tuple[Any, pd.DataFrame]] = frame.groupby(["trial_id", "epoch", "fraction", "seed"])
        for (trial_id, epoch, fraction, seed), part in parts:
            features = np.stack(part["features"].to_list()).astype(np.float64)
            if np.isfinite(features).all():
                panel = Panel(features=features, labels=part[f"label/{TASK}"].to_numpy(np.int64))
                found.setdefault((fraction, seed), {})[names[trial_id], int(epoch)] = panel
    if not found:
        raise NothingToDraw(
            f"no representation of {', '.join(ROWS)} after epoch {', '.join(map(str, EPOCHS))} is stored; give the sweep "
            "`embed_at` and run it"
        )
    fraction, seed = min(found, key=lambda which: (-which[0], -len(found[which]), which[1]))
    order = [(row, epoch) for row in ROWS for epoch in EPOCHS]
    panels = {key: found[fraction, seed][key] for key in order if key in found[fraction, seed]}
    return Stored(fraction=float(fraction), seed=int(seed), panels=panels)


def _rows(scene: Scene) -> dict[str, str]:
    """The figure's row of each planned trial that has one."""
    row_of = {key: row for row, key in ROWS.items()}
    expected = scene.results.expected[scene.results.expected["dataset"] == scene.grid.dataset]
    keys = expected["strategy"].str.partition("(")[0].str.partition(":")[0]
    return {
        trial_id: row_of[key]
        for trial_id, key, tasks in zip(expected["trial_id"], keys, expected["tasks"], strict=True)
        if key in row_of and TASK in tasks
    }


def _fill(axes: Axes, panel: Panel | None) -> None:
    """The examples of a panel as marks, its numbers below; in words why there are none."""
    points = None if panel is None else plane(panel.features)
    if panel is None or points is None:
        said = "not stored" if panel is None else "all examples alike, or too few"
        axes.text(0.5, 0.5, said, ha="center", va="center", color=FAINT, transform=axes.transAxes)
        return
    for value in np.unique(panel.labels).tolist():
        x, y = points[panel.labels == value].T
        axes.scatter(
            x, y, s=16, marker=class_mark(value), linewidths=0, color=colormaps["tab10"](value % 10)
        )  # fmt: skip
    found = panel.numbers
    axes.set_xlabel(
        f"silhouette {number(found.classes, 2)} ({PAIR[0]} and {PAIR[1]}: {number(found.pair, 2)})\n"
        f"10 nearest neighbours {number(found.neighbours, 1)} %",
        fontsize=7,
    )
