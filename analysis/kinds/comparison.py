"""Comparison: each strategy beside a baseline on the same seeds, with intervals, effect sizes and corrected tests."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtlray.analysis.grid.cells import SINGLE_TASK, Column, Grid
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.kinds.chance import ALPHA, above_chance
from mtlray.analysis.statistics import detectable, holm, paired, paired_t, probability_of_improvement
from mtlray.errors import ResultsError, unknown_name

MANY = 5  # pairs from which on effect sizes are more than an accident
EQUAL = "equal"
_TESTED = ("difference", "ci_low", "ci_high", "effect_size", "probability_of_improvement", "p_t", "p_wilcoxon")


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What strategies are compared with: in words, and by strategy the place of its opponent, None for no comparison."""

    name: str
    of: tuple[int | None, ...]


def against(scores: Scores, name: str) -> Baseline:
    """Each strategy beside the one of that name. Raises SpecError for a name that the data set does not have."""
    if name not in scores.strategies:
        raise unknown_name("baseline", name, scores.strategies)
    base = scores.row(name)
    # Equal beside single-task is the same comparison as single-task beside equal, and shown there.
    return Baseline(name=name, of=tuple(None if s in (name, SINGLE_TASK) else base for s in scores.strategies))


def usual(scores: Scores) -> Baseline | None:
    """What a table marks differences from: single-task, or the namesake in an earlier sweep; None without these."""
    if scores.earlier:
        return Baseline(name="the strategy of the same name in the sweep that was named first", of=scores.earlier)
    return against(scores, SINGLE_TASK) if SINGLE_TASK in scores.strategies else None


def baselines(scores: Scores, baseline: str | None) -> list[Baseline]:
    """What to compare with: the strategy named, else single-task and equal as far as the sweep has them; or namesakes.

    Raises SpecError for a name that the data set does not have, ResultsError where it has none of the default ones.
    """
    if baseline is not None:
        return [against(scores, baseline)]
    if scores.earlier:
        found = usual(scores)
        return [found] if found is not None else []
    names = [name for name in (SINGLE_TASK, EQUAL) if name in scores.strategies]
    if not names:
        raise ResultsError(
            "A comparison should have a baseline: single-task trials, or the strategy equal. The sweep has neither; name "
            f"one of its strategies with --baseline: {', '.join(scores.strategies)}."
        )
    return [against(scores, name) for name in names]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What tests are corrected for, and what they can find: `comparisons` of `n` pairs each, most of them.

    `spreads` is the smallest difference that is found with 80 %, in standard deviations of the differences, and `smallest` the
    same in the unit of a column, at the median of its strategies' deviations.
    """

    comparisons: int
    n: int
    spreads: float
    smallest: dict[Column, float]


def comparison(grid: Grid, scores: Scores, baseline: Baseline) -> tuple[list[dict[str, Any]], Family]:
    """One row per strategy and column, compared with a baseline over the seeds that both have finished.

    `difference` is strategy − baseline in the metric's unit, `ci_low` and `ci_high` its 95 % interval by Student, `effect_size`
    Cohen's d_z; that and the probability of improvement are NaN below MANY pairs. Holm's correction counts all rows as one
    family. Nothing is tested where one of the two lost a trial, to divergence or an error: `lost`. `at_chance` is whether the
    seeds do not tell the strategy from the best constant prediction. `detectable` is the difference that is found with 80 %.
    NaN where seeds are missing.
    """
    rows: list[dict[str, Any]] = []
    above = above_chance(grid, scores)
    for i, base, j in _compared(scores, baseline):
        column = scores.columns[j]
        rows.append(
            {
                "dataset": grid.dataset,
                "data_origin": grid.data_origin,
                "baseline": scores.strategies[base],
                "strategy": scores.strategies[i],
                "fraction": column.fraction,
                "across": column.across,
                "task": column.measure.task,
                "metric": column.measure.metric,
                "unit": column.measure.unit,
                "higher_is_better": column.measure.higher_is_better,
                "n": 0,
                "expected": int(min(scores.expected[i, j], scores.expected[base, j])),
                "lost": int(scores.lost[i, j] + scores.lost[base, j]),
                "at_chance": not above[i, j],
            }
            | dict.fromkeys(("mean", "baseline_mean", *_TESTED), math.nan)
        )
    for members, x, y in _alike(scores, baseline):
        up = np.array([rows[place]["higher_is_better"] for place in members])
        for place, numbers in zip(members, _tests(x, y, np.where(up, 1.0, -1.0)), strict=True):
            rows[place] |= {"n": len(x)} | dict(zip(("mean", "baseline_mean", *_TESTED), numbers, strict=True))
            if rows[place]["lost"]:
                rows[place] |= dict.fromkeys(
                    ("effect_size", "probability_of_improvement", "p_t", "p_wilcoxon"), math.nan
                )
    for name in ("p_t", "p_wilcoxon"):
        for row, corrected in zip(rows, holm([row[name] for row in rows]).tolist(), strict=True):
            row[f"{name}_holm"] = corrected
    family = _family(scores, baseline, [math.isfinite(row["p_t"]) for row in rows])
    for row, (_, _, j) in zip(rows, _compared(scores, baseline), strict=True):
        row["detectable"] = family.smallest.get(scores.columns[j], math.nan)
    return rows, family


def verdicts(grid: Grid, scores: Scores, baseline: Baseline) -> tuple[dict[tuple[int, int], str], Family]:
    """The verdict of `comparison` alone, by the places of strategy and column, and what it is corrected for."""
    places = _compared(scores, baseline)
    difference, p = np.full((2, len(places)), math.nan)
    for members, x, y in _alike(scores, baseline):
        difference[members], p[members] = paired_t(x, y)
    above = above_chance(grid, scores)
    p[[bool(scores.lost[i, j] + scores.lost[base, j]) for i, base, j in places]] = math.nan
    found = {
        (i, j): verdict(
            {
                "p_t_holm": corrected,
                "difference": by,
                "higher_is_better": scores.columns[j].measure.higher_is_better,
                "at_chance": not above[i, j],
            }
        )
        for (i, _, j), by, corrected in zip(places, difference.tolist(), holm(p).tolist(), strict=True)
    }
    return found, _family(scores, baseline, np.isfinite(p).tolist())


def verdict(row: Mapping[str, Any]) -> str:
    """Better, worse or "" for undecided: by the paired t-test after Holm's correction, at the level ALPHA.

    What the seeds do not tell from the best constant prediction is never better.
    """
    if not row["p_t_holm"] <= ALPHA:
        return ""
    better = (row["difference"] > 0) == row["higher_is_better"]
    return ("" if row["at_chance"] else "better") if better else "worse"


def _family(scores: Scores, baseline: Baseline, tested: Sequence[bool]) -> Family:
    """What the tests of the places that `_compared` lists have in common."""
    spreads: dict[Column, list[float]] = {}
    pairs: Counter[int] = Counter()
    places = _compared(scores, baseline)
    for members, x, y in _alike(scores, baseline):
        own = [k for k, place in enumerate(members) if tested[place]]
        if len(x) < 2 or not own:
            continue
        pairs[len(x)] += len(own)
        for k, spread in zip(own, (x - y)[:, own].std(axis=0, ddof=1).tolist(), strict=True):
            spreads.setdefault(scores.columns[places[members[k]][2]], []).append(spread)
    count, n = sum(tested), pairs.most_common(1)[0][0] if pairs else 0
    factor = detectable(n, ALPHA / count) if count else math.nan
    smallest = {column: factor * statistics.median(found) for column, found in spreads.items()}
    return Family(comparisons=count, n=n, spreads=factor, smallest=smallest)


def _compared(scores: Scores, baseline: Baseline) -> list[tuple[int, int, int]]:
    """The places of strategy, opponent and column that have something to compare."""
    planned = scores.expected > 0
    pairs = [(i, base) for i, base in enumerate(baseline.of) if base is not None]
    return [(i, base, j) for i, base in pairs for j in np.flatnonzero(planned[i] & planned[base]).tolist()]


def _alike(scores: Scores, baseline: Baseline) -> list[tuple[list[int], NDArray[np.float64], NDArray[np.float64]]]:
    """What `_compared` lists, in groups with the same seeds in common: places in that list, and both sides [seed, place]."""
    finite = np.isfinite(scores.values)
    groups: dict[bytes, list[int]] = {}
    places = _compared(scores, baseline)
    for place, (i, base, j) in enumerate(places):
        groups.setdefault((finite[:, i, j] & finite[:, base, j]).tobytes(), []).append(place)
    made = []
    for key, members in groups.items():
        seeds = np.frombuffer(key, dtype=bool)
        if seeds.any():
            at, opponents, columns = (
                np.array(axis) for axis in zip(*(places[place] for place in members), strict=True)
            )
            values = scores.values[seeds]
            made.append((members, values[:, at, columns], values[:, opponents, columns]))
    return made


def _tests(x: NDArray[np.float64], y: NDArray[np.float64], sign: NDArray[np.float64]) -> list[list[float]]:
    """Both means and what _TESTED names, for each column of x[seed, column] and y."""
    found = paired(x, y)
    likely = probability_of_improvement((x * sign).T[:, :, None], (y * sign).T[:, :, None])
    effect = found.effect_size
    if len(x) < MANY:
        effect, likely = np.full_like(effect, math.nan), np.full_like(likely, math.nan)
    means = (np.ascontiguousarray(side.T).mean(axis=1) for side in (x, y))
    parts = (*means, found.difference, *found.interval, effect, likely, found.p_t, found.p_wilcoxon)
    table: list[list[float]] = np.stack(parts, axis=1).tolist()
    return table
