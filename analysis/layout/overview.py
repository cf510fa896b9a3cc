"""Overview: of a table with many tasks, the mean over them in front, and of each task its main metric alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import Column, Grid, Measure
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.places import Place
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.layout import captions
from mtlray.analysis.layout.entries import Entry, Group, Row

MANY = 5  # tasks from which on a table begins with their mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """The columns in front: their heads, each row's entries by its name in scores, and those of the best constant.

    `kept` are the places of the table's own columns that stay.
    """

    group: Group
    rows: Mapping[str, tuple[Entry | None, ...]]
    trivial: tuple[Entry | None, ...]
    kept: tuple[int, ...]
    notes: tuple[str, ...]

    def of(self, row: Row, name: str) -> Row:
        """The row with what stands in front, which only our own numbers have, and without the columns that are not shown."""
        nothing = (None,) * len(self.group.fractions)
        front = {"ours": self.rows.get(name, nothing), "trivial": self.trivial}.get(row.kind, nothing)
        return Row(label=row.label, kind=row.kind, entries=(*front, *(row.entries[k] for k in self.kept)))


def overview(results: Results, grid: Grid, scores: Scores, *, whole: bool) -> Overview | None:
    """The overview of a table of MANY tasks or more; None where there are fewer. `whole` keeps every metric.

    The mean over tasks of their main metric, where that is the same for all, else of its skill: 0 for the best constant
    prediction and 100 for a perfect one. It is the mean of each seed's own, and bears no mark.
    """
    main: dict[str, Measure] = {}
    for column in scores.columns:
        main.setdefault(column.measure.task, column.measure)
    if len(main) < MANY:
        return None
    measures = list(main.values())
    places = list(dict.fromkeys(column.place for column in scores.columns))
    several = len({place.fraction for place in places}) > 1
    alike = len({measure[1:] for measure in measures}) == 1
    bounds = {} if alike else _bounds(results, grid)
    first = measures[0]
    unit = "" if first.unit in ("", "1") else f" [{first.unit}]"
    head = f"mean {first.metric}{unit} {'↑' if first.higher_is_better else '↓'}" if alike else "mean skill [%] ↑"
    digits = 2 if not alike or first.unit == "%" or _size(scores, main) >= 10 else 4
    rows = {
        name: tuple(_entry(scores, i, _places(scores, measures, place), bounds, alike, digits) for place in places)
        for i, name in enumerate(scores.strategies)
    }
    kept = tuple(k for k, c in enumerate(grid.columns) if whole or main.get(c.measure.task, c.measure) == c.measure)
    return Overview(
        group=Group(
            task="all tasks", measure=head, fractions=tuple(captions.place(p, several=several) for p in places)
        ),
        rows=rows,
        trivial=(_trivial(grid, measures, alike, digits),) * len(places),
        kept=kept,
        notes=tuple(_notes(grid, measures, kept, alike)),
    )


def _notes(grid: Grid, measures: list[Measure], kept: tuple[int, ...], alike: bool) -> list[str]:
    of = "their main metric" if alike else "the skill of their main metric (0: best constant prediction, 100: perfect)"
    notes = [f"all tasks: mean over the {len(measures)} tasks of {of}, seed by seed; it bears no mark."]
    hidden = dict.fromkeys(c.measure.metric for k, c in enumerate(grid.columns) if k not in kept)
    if hidden:
        notes.append(
            f"Also recorded, counted among the comparisons, and shown with --metrics '*': {', '.join(hidden)}. --kind "
            "leaderboard sums up all."
        )
    return notes


def _places(scores: Scores, measures: list[Measure], place: Place) -> list[int]:
    wanted = set(measures)
    return [j for j, c in enumerate(scores.columns) if c.place == place and c.measure in wanted]


def _size(scores: Scores, main: Mapping[str, Measure]) -> float:
    own = [abs(mean) for j, c in enumerate(scores.columns) if c.measure in main.values() for mean in scores.means[:, j]]
    return float(np.nanmax(own)) if np.isfinite(own).any() else 0.0


def _bounds(results: Results, grid: Grid) -> dict[Measure, tuple[float, float]]:
    """What the best constant prediction and a perfect one achieve, by measure."""
    rows = results.summary[(results.summary["dataset"] == grid.dataset) & results.summary["perfect"].notna()]
    known = rows[["task", "metric", "perfect"]].drop_duplicates(["task", "metric"])
    perfect = {(task, metric): float(value) for task, metric, value in known.itertuples(index=False, name=None)}
    return {m: (grid.trivial[m], perfect[m.task, m.metric]) for m in grid.trivial if (m.task, m.metric) in perfect}


def _entry(
    scores: Scores, i: int, places: list[int], bounds: Mapping[Measure, tuple[float, float]], alike: bool, digits: int
) -> Entry | None:
    """One row's mean over tasks, of the seeds that have them all."""
    if not places or not (scores.expected[i, places] > 0).all():
        return None
    values: NDArray[np.float64] = scores.values[:, i, places]
    if not alike:
        if any(scores.columns[j].measure not in bounds for j in places):
            return None
        low, high = np.array([bounds[scores.columns[j].measure] for j in places]).T
        values = 100 * (values - low) / (high - low)
    of_seeds = values[np.isfinite(values).all(axis=1)].mean(axis=1)
    n, expected = len(of_seeds), int(scores.expected[i, places].max())
    return Entry(
        mean=f"{of_seeds.mean():.{digits}f}" if n else captions.NOTHING,
        std=f"{of_seeds.std(ddof=1):.{digits}f}" if n > 1 else "",
        note=() if n == expected else (f"{n}/{expected}",),
    )


def _trivial(grid: Grid, measures: list[Measure], alike: bool, digits: int) -> Entry | None:
    found = [grid.trivial.get(measure) for measure in measures]
    known = [value for value in found if value is not None]
    if len(known) < len(measures):
        return None
    return Entry(mean=f"{np.mean(known) if alike else 0.0:.{digits}f}")


def columns_shown(grid: Grid, found: Overview | None) -> list[Column]:
    """The table's own columns that stay."""
    return list(grid.columns) if found is None else [grid.columns[k] for k in found.kept]
