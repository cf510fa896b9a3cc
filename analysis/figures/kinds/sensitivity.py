"""Sensitivity: each task's first metric against the learning rate, for sweeps that tried several."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mtlray.analysis.figures.limits import beyond, fence, say_beyond
from mtlray.analysis.figures.panels import Drawing, each_panel, fewer, legend, name_places
from mtlray.analysis.figures.scene import NothingToDraw, Scene, described, of_data
from mtlray.analysis.figures.seeds import ONE_SEED
from mtlray.analysis.figures.style import FAINT
from mtlray.analysis.grid.cells import Measure
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.places import Place
from mtlray.results.states import TrialState
from mtlray.words.values import shortest

_DASHES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """A task's first metric at one data fraction."""

    measure: Measure
    fraction: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Point:
    """What a strategy achieved at one learning rate: `values` by seed, of `planned` trials, of which some `diverged`."""

    rate: float
    values: dict[int, float]
    planned: int
    diverged: int
    chosen: bool

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.values.values())))


_Lines = dict[tuple[str, str], list[Point]]  # by series and optimizer, from the smallest rate on


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where each strategy ran with one learning rate, or nothing is done."""
    results = scene.results.untuned
    if results is None or results.expected["learning_rate"].nunique() < 2:
        raise NothingToDraw("the sweep has one learning rate")
    first = list({measure.task: measure for measure in reversed(scene.measures)}.values())[::-1]
    panels, cut = fewer([Panel(measure=m, fraction=f) for m in first for f in scene.fractions], scene.fractions)
    trials = _trials(scene, results)
    lines = {panel: _lines(scene, trials, results, panel) for panel in panels}
    panels = [panel for panel in panels if any(point.values for of in lines[panel].values() for point in of)]
    if not panels:
        raise NothingToDraw("no trial is done")
    shown = {series for panel in panels for series, _ in lines[panel]}
    optimizers = list(dict.fromkeys(optimizer for panel in panels for _, optimizer in lines[panel]))
    outside = list[str]()

    def panel(axes: Axes, panel: Panel) -> None:
        outside.extend(_panel(axes, scene, lines[panel], optimizers))
        axes.set_title(of_data(panel.fraction), loc="left")
        axes.set_ylabel(described(panel.measure))

    figure = each_panel(panels, panel, "learning rate")
    legend(figure, scene, shown, None, _explained(optimizers, lines))
    counts = Counter(len(p.values) for of_panel in lines.values() for of in of_panel.values() for p in of if p.values)
    apart = results.sweep.get("tuning_seeds")
    said = [
        f"Test value against the learning rate, rule {scene.selected.name}, logarithmic axis: means over n = "
        f"{counts.most_common(1)[0][0]} seeds, small dots single seeds of the strategies in colour. Rings mark what was chosen"
        f"{' on the validation split' if scene.results.rates.rule == 'best' else ''}.",
        "A line joins means of the same seeds alone.",
        f"Seeds are {', '.join(map(str, apart))}, which chose." if apart else "",
        "Hollow: some seeds diverged or have no result; × at the lower edge: all diverged.",
        "Values beyond an axis are named at its edge." if outside else "",
        cut,
    ]
    return Drawing(figure=figure, caption=" ".join(part for part in said if part))


def _trials(scene: Scene, results: Results) -> pd.DataFrame:
    """The planned trials of the data set that chose, with `series`."""
    expected = results.expected[results.expected["dataset"] == scene.grid.dataset]
    if apart := results.sweep.get("tuning_seeds"):
        expected = expected[expected["seed"].isin(apart)]
    names = {strategy: scene.series.get(strategy, strategy) for strategy in expected["strategy"].unique()}
    return expected.assign(series=expected["strategy"].map(names), optimizer=expected["optimizer"].fillna(""))


def _lines(scene: Scene, trials: pd.DataFrame, results: Results, panel: Panel) -> _Lines:
    rows = results.summary
    here = (rows["task"] == panel.measure.task) & (rows["dataset"] == scene.grid.dataset)
    diverged = set(rows.loc[here & (rows["state"] == TrialState.DIVERGED), "trial_id"])
    done = rows[here & (rows["state"] == TrialState.DONE) & (rows["metric"] == panel.measure.metric)]
    value_of = dict(zip(done["trial_id"].tolist(), done[scene.selected.column].tolist(), strict=True))
    trained = np.array([panel.measure.task in tasks for tasks in trials["tasks"]], dtype=bool)
    own = trials[(trials["fraction"] == panel.fraction) & trained]
    lines: _Lines = {}
    groups: Any = own.groupby(["series", "strategy", "optimizer", "learning_rate"], sort=True)
    for (series, strategy, optimizer, rate), group in groups:
        values = {seed: value_of[t] for t, seed in zip(group["trial_id"], group["seed"], strict=True) if t in value_of}
        chosen = scene.results.rates.chosen.get((scene.grid.dataset, strategy, Place(panel.fraction))) == (
            optimizer,
            rate,
        )
        lines.setdefault((series, optimizer), []).append(
            Point(
                rate=float(rate),
                values={seed: value for seed, value in values.items() if np.isfinite(value)},
                planned=len(group),
                diverged=len(diverged.intersection(group["trial_id"])),
                chosen=chosen and scene.results.rates.rule == "best",
            )
        )
    return lines


def _panel(axes: Axes, scene: Scene, lines: _Lines, optimizers: Sequence[str]) -> list[str]:
    """Draw one metric at one fraction; returns what is beyond the axis."""
    rates = sorted({point.rate for points in lines.values() for point in points})
    axes.set_xscale("log")
    name_places(axes, {rate: shortest(rate) for rate in rates})
    means = {
        f"{series} {shortest(p.rate)}": p.mean for (series, _), points in lines.items() for p in points if p.values
    }
    low, high = fence(list(means.values()))
    margin = 0.06 * (high - low) or 0.5
    for (series, optimizer), points in lines.items():
        _line(axes, scene, series, points, _DASHES[optimizers.index(optimizer) % len(_DASHES)], bottom=low - margin)
    axes.set_ylim(low - 1.6 * margin, high + margin)
    below, above = beyond(means, *axes.get_ylim())
    say_beyond(axes, means, below, bottom=True)
    say_beyond(axes, means, above, bottom=False)
    return below + above


def _line(axes: Axes, scene: Scene, series: str, points: list[Point], dashes: str, *, bottom: float) -> None:
    """One strategy with one optimizer."""
    look, prominent = scene.look(series), series in scene.prominent
    there = [point for point in points if point.values]
    for before, after in itertools.pairwise(there):
        if before.values.keys() == after.values.keys():
            axes.plot(
                [before.rate, after.rate], [before.mean, after.mean], color=look.color, linestyle=dashes,
                linewidth=1.2 if prominent else 0.7, alpha=1 if prominent else 0.45, zorder=2 if prominent else 1.5,
            )  # fmt: skip
    if not prominent:
        return
    for point in there:
        whole = len(point.values) == point.planned
        axes.plot(
            point.rate, point.mean, color=look.color, marker=look.marker, linestyle="",
            markerfacecolor=look.color if whole else "#ffffff", zorder=3,
        )  # fmt: skip
        if len(point.values) > 1:
            axes.plot([point.rate] * len(point.values), list(point.values.values()), color=look.color, marker=".",
                      linestyle="", markersize=3, alpha=0.45)  # fmt: skip
        if point.chosen:
            axes.plot(point.rate, point.mean, color=look.color, marker="o", markersize=10, markerfacecolor="none",
                      markeredgewidth=0.9, linestyle="", zorder=3)  # fmt: skip
    gone = [point.rate for point in points if not point.values and point.diverged]
    if gone:
        axes.plot(gone, [bottom] * len(gone), color=look.color, marker="x", linestyle="")


def _explained(optimizers: Sequence[str], lines: dict[Panel, _Lines]) -> list[Line2D]:
    """What dashes, dots and rings mean, where there are any."""
    several = len(optimizers) > 1
    every = [point for of_panel in lines.values() for points in of_panel.values() for point in points]
    chosen = any(point.chosen for point in every)
    several_seeds = any(len(point.values) > 1 for point in every)
    return [
        *([ONE_SEED] if several_seeds else []),
        *(
            [
                Line2D(
                    [], [], color=FAINT, marker="o", markersize=9, markerfacecolor="none", linestyle="", label="chosen"
                )
            ]
            * chosen
        ),
        *(
            Line2D(
                [], [], color=FAINT, linestyle=_DASHES[i % len(_DASHES)], label=optimizer or "optimizer not recorded"
            )
            for i, optimizer in enumerate(optimizers if several else ())
        ),
    ]
