"""Embedding: t-SNE of the trunk's representation at several steps of training, as Figure 1 of Gong et al. 2019."""

import io
from typing import Any

import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from mtlray.analysis.figures.panels import WIDTH, Drawing, broken, class_mark
from mtlray.analysis.figures.scene import NothingToDraw, Scene
from mtlray.analysis.figures.style import FAINT
from mtlray.words.values import per_cent

_MOST = 8  # rows


def draw(scene: Scene) -> Drawing:
    """A row for each embedded trial, a column for each step. Raises NothingToDraw where none was embedded."""
    frames = _frames(scene)
    if not frames:
        raise NothingToDraw("no trunk has been embedded; run `mtlray embed SWEEP`")
    shown = frames[:_MOST]
    n_columns = max(frame["step"].nunique() for frame in shown)
    size = (WIDTH - 0.4) / n_columns
    figure = Figure(figsize=(WIDTH, (min(size, 2.6) + 0.15) * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown), n_columns, squeeze=False)
    labelled = [_label(frame, scene) for frame in shown]
    tasks = sorted({task for task, _ in labelled if task})
    for row, frame, (task, label) in zip(axes, shown, labelled, strict=True):
        parts: list[tuple[Any, pd.DataFrame]] = list(frame.groupby("step"))
        for panel, (step, part) in zip(row, parts, strict=False):
            if label is None:
                panel.scatter(part["x"], part["y"], s=5, color=FAINT, linewidths=0)
            else:
                classes: list[tuple[Any, pd.DataFrame]] = list(part.groupby(label))
                for value, points in classes:
                    # The class is the mark, so that no one has to tell ten colours apart.
                    panel.scatter(
                        points["x"], points["y"], s=16, marker=class_mark(int(value)), linewidths=0,
                        color=colormaps["tab10"](int(value) % 10),
                    )  # fmt: skip
            panel.set_title(f"step {step:,}, epoch {part['epoch'].iloc[0]:.3g}")
            panel.set(xticks=[], yticks=[])
            panel.grid(visible=False)
        for panel in row[len(parts) :]:
            panel.remove()
        row[0].set_ylabel(_name(frame) + (f"\nclasses of {task}" if task and len(tasks) > 1 else ""))
    cut = len(frames) - len(shown)
    marks = f"the task {tasks[0]}" if len(tasks) == 1 else "the task beside its row"
    return Drawing(
        figure=figure,
        caption="t-SNE of the last layer of the shared trunk on test examples"
        + (f"; each mark is the example's class for {marks}" if tasks else "")
        + ". Only neighbourhoods are meaningful; distances between groups, their sizes and the axes are not."
        + (f" {cut} more embedded trials are not shown." if cut else ""),
    )


def _frames(scene: Scene) -> list[pd.DataFrame]:
    """The embeddings of planned trials, in sweep order."""
    store, folder = scene.results.ledger.store, f"embeddings/{scene.grid.dataset}"
    there = {name.removesuffix(".parquet"): name for name in store.names(folder) if name.endswith(".parquet")}
    planned = scene.results.expected["trial_id"].tolist()
    return [pd.read_parquet(io.BytesIO(store.read(f"{folder}/{there[t]}"))) for t in planned if t in there]


def _label(frame: pd.DataFrame, scene: Scene) -> tuple[str, str | None]:
    """The classification task whose classes are marked: the trial's own first one."""
    expected = scene.results.expected
    (tasks,) = expected.loc[expected["trial_id"] == frame["trial_id"].iloc[0], "tasks"]
    for task in tasks:
        if f"label/{task}" in frame:
            return str(task), f"label/{task}"
    return "", None


def _name(frame: pd.DataFrame) -> str:
    first = frame.iloc[0]
    return f"{broken(str(first['strategy']), 24)}\n{per_cent(first['fraction'])} % of the data\nseed {first['seed']}"
