"""Placing: ranks over tasks, what they may truly be, and fronts. One definition for tables and figures."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.places import Place
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.kinds.chance import ALPHA
from mtlray.analysis.kinds.marks import alike
from mtlray.analysis.statistics import pareto_front, ranks, sets_and_bounds


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Placing:
    """One number for each strategy: its mean `rank` over some columns and the lowest and highest that the seeds leave possible.

    Ranks are NaN where a strategy cannot be compared; `ranked` is the number of the others. `wins` counts the columns whose best
    printed mean it has, `among_best` those in whose set of the best it stands, `front` the pairs of tasks, of `pairs`, on whose
    front it stands.
    """

    rank: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    wins: NDArray[np.int64]
    among_best: NDArray[np.int64]
    front: NDArray[np.int64]
    ranked: int
    pairs: int


def placing(scores: Scores, at: list[int], above: NDArray[np.bool_]) -> Placing:
    """The ranks of a data set's strategies over the columns `at`.

    In a column the printed means are ranked, ties sharing their mean rank; strategies of which a trial diverged share the last
    places, whatever is left of them. A task's metrics are averaged, then tasks and fractions, which weigh alike. A strategy is
    ranked where it is comparable or diverged in every column. The bounds hold for one strategy with 95 %, over all columns.
    `above` says what is above chance; nothing else is among the best, and nobody is where nobody is beaten.
    """
    k = len(scores.strategies)
    in_play = _in_play(scores, at)
    rank = _ranks(scores, at, in_play, scores.printed)
    low, high = (np.full(k, np.nan) for _ in range(2))
    low[in_play] = high[in_play] = 0.0
    wins, among, bounds = (
        np.zeros(k, dtype=np.int64),
        np.zeros(k, dtype=np.int64),
        _bounds(scores, in_play.tolist(), at),
    )
    for j, share in zip(at, _weights(scores, at).tolist(), strict=True):
        own, last = _parted(scores, in_play, j)
        if own:
            of_own = _oriented(scores, j, scores.printed[own, j])
            wins[own] += of_own == of_own.max()
            best, lowest, highest = bounds[j]
            among[own] += best & above[own, j]
            low[own] += share * lowest
            high[own] += share * highest
        low[last] += share * (len(own) + 1)
        high[last] += share * (len(own) + len(last))
    front, pairs = np.zeros(k, dtype=np.int64), _pairs(scores, at)
    complete: NDArray[np.bool_] = np.all(scores.comparable[:, at], axis=1) & bool(at)
    for pair in pairs:
        front += on_front(scores, pair, complete)
    return Placing(
        rank=rank, low=low, high=high, wins=wins if len(in_play) > 1 else wins * 0, among_best=among, front=front,
        ranked=len(in_play), pairs=len(pairs),
    )  # fmt: skip


def seed_ranks(scores: Scores, at: list[int]) -> NDArray[np.float64]:
    """[seed, strategy]: the rank of `placing` among one seed's own numbers, NaN on seeds that not all who are ranked have."""
    in_play = _in_play(scores, at)
    found = np.full((len(scores.seeds), len(scores.strategies)), np.nan)
    for seed, numbers in enumerate(scores.values):
        if all(np.isfinite(numbers[_parted(scores, in_play, j)[0], j]).all() for j in at):
            found[seed] = _ranks(scores, at, in_play, numbers)
    return found


def on_front(scores: Scores, pair: Sequence[int], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[strategy]: of the strategies `among`, is it one that no other dominates on two columns, by the printed means?"""
    front = np.zeros(len(scores.strategies), dtype=bool)
    if among.any():
        points = np.stack([_oriented(scores, j, scores.printed[among, j]) for j in pair], axis=1)
        front[among] = pareto_front(points)
    return front


def _in_play(scores: Scores, at: list[int]) -> NDArray[np.int64]:
    """The places of the strategies that can be ranked over some columns."""
    playing: NDArray[np.bool_] = np.all((scores.comparable | (scores.diverged > 0))[:, at], axis=1) & bool(at)
    return np.flatnonzero(playing)


def _parted(scores: Scores, in_play: NDArray[np.int64], j: int) -> tuple[list[int], list[int]]:
    """Who has a rank of its own in a column, and who shares the last places because a trial diverged."""
    last = [i for i in in_play.tolist() if scores.diverged[i, j]]
    return [i for i in in_play.tolist() if i not in last], last


def _oriented(scores: Scores, j: int, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """A column's numbers, higher is better."""
    return numbers if scores.columns[j].measure.higher_is_better else -numbers


def _ranks(
    scores: Scores, at: list[int], in_play: NDArray[np.int64], numbers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each strategy's mean rank over some columns of numbers[strategy, column], weighed alike; NaN where it is not in play."""
    rank = np.full(len(scores.strategies), np.nan)
    rank[in_play] = 0.0
    for j, share in zip(at, _weights(scores, at).tolist(), strict=True):
        own, last = _parted(scores, in_play, j)
        if own:
            rank[own] += share * ranks(_oriented(scores, j, numbers[own, j])[:, None])[:, 0]
        rank[last] += share * (len(own) + (len(last) + 1) / 2)
    return rank


def _bounds(scores: Scores, in_play: list[int], at: list[int]) -> dict[int, tuple[NDArray[Any], ...]]:
    """By column, for each strategy in play that has not diverged there: is it among the best, its lowest and highest rank.

    Nobody is among the best where everybody is.
    """
    places = list(alike(scores, in_play, at))
    total = sum(len(columns) for _, columns, _ in places)
    found: dict[int, tuple[NDArray[Any], ...]] = {}
    for _, columns, values in places:
        kept, low, high = sets_and_bounds(values, columns=total, alpha=ALPHA)
        for place, j in enumerate(columns):
            found[j] = (kept[:, place] & ~kept[:, place].all(), low[:, place], high[:, place])
    alone = (np.zeros(1, dtype=bool), np.ones(1), np.ones(1))
    return {j: found.get(j, alone) for j in at}


def _weights(scores: Scores, at: list[int]) -> NDArray[np.float64]:
    """What each column counts, 1 in all: tasks and fractions alike, and so do a task's metrics."""
    groups = [(scores.columns[j].measure.task, scores.columns[j].place) for j in at]
    return np.array([1 / (len(set(groups)) * groups.count(group)) for group in groups])


def _pairs(scores: Scores, at: list[int]) -> list[list[int]]:
    """Pairs of columns: two tasks' first metrics at one place."""
    first: dict[tuple[Place, str], int] = {}
    for j in at:
        column = scores.columns[j]
        first.setdefault((column.place, column.measure.task), j)
    places = dict.fromkeys(place for place, _ in first)
    return [
        list(pair)
        for place in places
        for pair in itertools.combinations([j for (own, _), j in first.items() if own == place], 2)
    ]
