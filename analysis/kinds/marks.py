"""Marks: what a table of cells may claim. Better than single-task, and among the best of a column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import Column, Grid
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.kinds.chance import ALPHA, above_chance
from mtlray.analysis.kinds.comparison import Family, usual, verdicts
from mtlray.analysis.statistics import best_sets


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """The marks of one data set's table.

    `best` are, by column, the strategies that no other beats; together with those at chance, which are not marked, they hold the
    true best of every column with 95 %. Nobody is in it where the seeds tell nobody apart. `better` are those that a paired test
    finds better than single-task, or of several sweeps than their namesake in an earlier one; `family` says what it is corrected
    for, None without any of these. `rivals` is the number of
    others that a strategy is tested against, over all columns.
    """

    best: dict[Column, frozenset[str]]
    better: dict[Column, frozenset[str]]
    family: Family | None
    rivals: int


def marks(grid: Grid, scores: Scores) -> Marks:
    """The marks of a data set's table; single-task goes by the name of the strategy that trains the column's task."""
    above = above_chance(grid, scores)
    baseline = usual(scores)
    found, family = verdicts(grid, scores, baseline) if baseline is not None else ({}, None)
    better: dict[Column, set[str]] = {column: set() for column in scores.columns}
    for (i, j), word in found.items():
        if word == "better":
            better[scores.columns[j]].add(scores.strategies[i])
    best: dict[Column, frozenset[str]] = dict.fromkeys(scores.columns, frozenset())
    every = range(len(scores.strategies))
    places = list(alike(scores, every, range(len(scores.columns))))
    columns = sum(len(at) for _, at, _ in places)
    for rows, at, values in places:
        kept = best_sets(values, columns=columns, alpha=ALPHA)
        for place, j in enumerate(at):
            if not kept[:, place].all():
                own = [i for row, i in enumerate(rows) if kept[row, place] and above[i, j]]
                best[scores.columns[j]] = frozenset(_name(scores, i, j) for i in own)
    rivals = sum((len(rows) - 1) * len(at) for rows, at, _ in places)
    return Marks(best=best, better={c: frozenset(names) for c, names in better.items()}, family=family, rivals=rivals)


def alike(
    scores: Scores, rows: Sequence[int], columns: Sequence[int]
) -> Iterator[tuple[list[int], list[int], NDArray[np.float64]]]:
    """The comparable strategies of some rows and columns: their places, the columns in which they are the same ones on the same
    seeds, and values[seed, strategy, column], oriented so that higher is better.
    """
    groups: dict[tuple[bytes, bytes], list[int]] = {}
    finite = np.isfinite(scores.values)
    for j in columns:
        own = [i for i in rows if scores.comparable[i, j]]
        if len(own) > 1:
            groups.setdefault((np.array(own).tobytes(), finite[:, own[0], j].tobytes()), []).append(j)
    for (names, seeds), at in groups.items():
        chosen, kept = np.frombuffer(names, dtype=np.int64), np.frombuffer(seeds, dtype=bool)
        sign = np.where(scores.higher_is_better[at], 1.0, -1.0)
        yield chosen.tolist(), at, scores.values[kept][:, chosen][:, :, at] * sign


def _name(scores: Scores, i: int, j: int) -> str:
    return scores.baselines.get((scores.strategies[i], scores.columns[j]), scores.strategies[i])
