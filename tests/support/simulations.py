"""How often intervals and marks are right where the truth is known: `make simulate`, and in short form in the tests.

python tests/support/simulations.py [--draws 20000] [--strategies 5 40]
"""

import argparse
from collections import Counter

import numpy as np

from mtlray.analysis.grid.cells import SINGLE_TASK, Column, Grid, Measure
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.kinds.marks import Marks, marks
from mtlray.analysis.statistics import delta_m, detectable, independent, mean_interval, rank_bounds

SEEDS = (2, 3, 5, 10)


def covers(interval, truth: float) -> float:
    return float(np.mean((interval.low <= truth) & (truth <= interval.high)))


def student(n: int, draws: int, rng: np.random.Generator) -> float:
    return covers(mean_interval(rng.normal(97, 0.3, size=(n, draws))), 97.0)


def of_pairs(n: int, draws: int, rng: np.random.Generator) -> float:
    """The interval of a paired difference; both share what belongs to the seed."""
    shared = rng.normal(0, 0.4, size=(n, draws))
    x, y = (level + shared + rng.normal(0, spread, size=(n, draws)) for level, spread in ((97.2, 0.2), (97.0, 0.5)))
    return covers(mean_interval(x - y), 0.2)


def of_independent(n: int, draws: int, rng: np.random.Generator, *, others: int = 10, spread: float = 3.0) -> float:
    """The interval of a difference from `others` published runs whose spread is `spread` times ours."""
    x, y = rng.normal(0, 1, size=(n, draws)), rng.normal(0, spread, size=(others, draws))
    found = independent(
        (x.mean(axis=0), x.std(axis=0, ddof=1), n), (y.mean(axis=0), y.std(axis=0, ddof=1), others), margin=1.0
    )
    return covers(found.interval, 0.0)


def of_delta_m(n: int, draws: int, rng: np.random.Generator, *, per: str = "task", spread: float = 0.02) -> float:
    """The interval of Δm over two tasks with unequal numbers of metrics, one negative; the baseline's spread is `spread`."""
    m, b = np.array([97.0, 0.60, -95.0]), np.array([96.5, 0.62, -95.5])
    arguments = {"higher_is_better": [True, False, True], "tasks": ["a", "a", "b"], "per": per}

    def draw(count: int, seeds: int):
        shared = rng.normal(0, spread / 2, size=(seeds, count, 3))
        own = [1 + shared + rng.normal(0, spread, size=shared.shape) for _ in range(2)]
        return delta_m(m * own[0], b * own[1], **arguments)

    truth = float(draw(400_000, 1).mean())  # the mean over seeds of the paired Δm, which is its estimand
    return covers(mean_interval(draw(draws, n)), truth)


def table(values: np.ndarray, *, higher_is_better: bool = True) -> tuple[Grid, Scores]:
    """values[seed, strategy, column] as a data set's table; the first strategy is single-task."""
    n, k, columns = values.shape
    measures = [Measure(f"task{j}", "accuracy", "%", higher_is_better) for j in range(columns)]
    at = tuple(Column(measure=measure, fraction=1.0) for measure in measures)
    names = (SINGLE_TASK, *(f"strategy{i}" for i in range(1, k)))
    nothing = np.zeros((k, columns), dtype=np.int64)
    found = Scores(
        strategies=names,
        columns=at,
        seeds=tuple(range(n)),
        values=values,
        expected=nothing + n,
        lost=nothing,
        diverged=nothing,
        means=values.mean(axis=0),
        printed=values.mean(axis=0).round(2),
        baselines={},
        dropped=(),
    )
    return Grid(
        dataset="made up",
        data_origin="made up",
        steps=(),
        strategies=names,
        single_task=frozenset({SINGLE_TASK}),
        columns=at,
        cells={},
        states=Counter(done=n * k),
        evaluations=None,
        validated=True,
        trivial={},
        circumstances=(),
    ), found


def marked(values: np.ndarray) -> Marks:
    return marks(*table(values))


def noise(n: int, strategies: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """Identical strategies, of which those of one seed share what belongs to the seed."""
    shared = rng.normal(0, 0.5, size=(n, 1, columns))
    return 97 + shared + rng.normal(0, 0.3, size=(n, strategies + 1, columns))


def false_marks(
    strategies: int, n: int, tables: int, rng: np.random.Generator, columns: int = 4
) -> tuple[float, float]:
    """The shares of tables of identical strategies with any mark of better, and of those with any of best."""
    better = best = 0
    for _ in range(tables):
        found = marked(noise(n, strategies, columns, rng))
        better += any(found.better.values())
        best += any(found.best.values())
    return better / tables, best / tables


def holds_the_best(
    strategies: int, n: int, tables: int, rng: np.random.Generator, columns: int = 4
) -> tuple[float, float]:
    """How often all sets of a table hold the true best, which single-task nearly is, and the sets' mean size."""
    level = -0.1 * np.arange(strategies + 1.0)[:, None] + np.zeros((1, columns))
    level[0], level[1] = -0.02, 0.0
    held, sizes = 0, []
    for _ in range(tables):
        found = marked(noise(n, strategies, columns, rng) + level)
        held += all(
            not kept or "strategy1" in kept for kept in found.best.values()
        )  # an empty set stands for everybody
        sizes += [len(kept) or strategies + 1 for kept in found.best.values()]
    return held / tables, float(np.mean(sizes))


def power(strategies: int, n: int, tables: int, rng: np.random.Generator, by: float, columns: int = 4) -> float:
    """How often a strategy that is better by `by` standard deviations of the differences is marked in a column."""
    found = 0
    for _ in range(tables):
        values = noise(n, strategies, columns, rng)
        values[:, 1] += by * 0.3 * 2**0.5
        found += sum("strategy1" in names for names in marked(values).better.values())
    return found / (tables * columns)


def ranks_hold(strategies: int, n: int, draws: int, rng: np.random.Generator, columns: int = 4) -> float:
    """How often the bounds of one strategy's ranks hold the true ranks of all columns."""
    level = 0.1 * np.arange(strategies + 1.0)[:, None]
    middle, held = strategies // 2, 0
    for _ in range(draws):
        low, high = rank_bounds(noise(n, strategies, columns, rng) + level)
        true = strategies + 1 - middle
        held += bool(((low[middle] <= true) & (true <= high[middle])).all())
    return held / draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--strategies", type=int, nargs="*", default=[5, 40])
    options = parser.parse_args()
    draws = options.draws
    rng = np.random.default_rng(0)
    print(
        f"{draws:,} draws. Coverage of 95 % intervals on normal data, in per cent, at n = {', '.join(map(str, SEEDS))}"
    )
    for name, of in (
        ("Student", student),
        ("paired", of_pairs),
        ("independent", of_independent),
        ("  equal spreads", lambda *a: of_independent(*a, spread=1.0)),
        ("  theirs small", lambda *a: of_independent(*a, spread=0.3)),
        ("Δm per task", of_delta_m),
        ("Δm per metric", lambda *a: of_delta_m(*a, per="metric")),
        ("Δm, spread 10 %", lambda *a: of_delta_m(*a, spread=0.1)),
        ("Δm, spread 20 %", lambda *a: of_delta_m(*a, spread=0.2)),
    ):
        print(f"  {name:22}" + "".join(f"{100 * of(n, draws, rng):7.1f}" for n in SEEDS), flush=True)
    for strategies in options.strategies:
        for n in SEEDS:
            better, best = false_marks(strategies, n, draws, rng)
            held, size = holds_the_best(strategies, n, draws // 4, rng)
            ranked = ranks_hold(strategies, n, draws // 4, rng)
            print(
                f"{strategies:3} strategies, 4 columns, n = {n:2}: alike, {100 * better:.1f} % of tables with a mark of better, "
                f"{100 * best:.1f} % with one of best; the sets hold the true best in {100 * held:.1f} %, mean size {size:.1f} "
                f"of {strategies + 1}; rank bounds hold in {100 * ranked:.1f} %",
                flush=True,
            )
        bar = detectable(10, 0.05 / (4 * strategies))
        for by in (1.0, bar):
            found = power(strategies, 10, draws // 10, rng, by)
            print(
                f"{strategies:3} strategies, n = 10: {by:.2f} standard deviations are marked in {100 * found:.0f} % of cells"
            )


if __name__ == "__main__":
    main()
