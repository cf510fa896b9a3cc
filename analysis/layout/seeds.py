"""Seeds: what lost and few seeds mean for intervals, tests and ranks, as sentences to print below a table."""

from collections import Counter
from collections.abc import Iterable

from mtlray.analysis.grid.cells import Grid
from mtlray.analysis.grid.scores import Scores

_FEWEST = 6  # pairs with which Wilcoxon's test can find anything at 5 %


def few_seeds(counts: Iterable[int], *, tests: bool = False) -> list[str]:
    """Warnings for a table whose rows rest on `counts` seeds, with `tests` or without; none where there are many."""
    n = min((count for count in counts if count > 0), default=0)
    if n == 1:
        return ["Some rows rest on one seed: no interval and no test can be made of it."]
    if tests and 1 < n < _FEWEST:
        return [f"With {n} pairs Wilcoxon's p is never below {2 / 2**n:.2g}, whatever the values are."]
    return []


def lost_seeds(grid: Grid) -> list[str]:
    """The strategies that lost trials, which are not compared on those that are left."""
    lost: dict[str, Counter[str]] = {}
    for (strategy, _), cell in grid.cells.items():
        if cell.lost:
            counts = Counter(diverged=cell.diverged, failed=cell.failed)
            counts["not finite"] = cell.not_finite
            lost[strategy] = lost.get(strategy, Counter()) | counts
    if not lost:
        return []
    names = ", ".join(strategy for strategy in grid.strategies if strategy in lost)
    return [
        f"Lost seeds: {names}. Nothing is marked or tested where a seed was lost: those that are left are no fair sample. What "
        "diverged ranks last."
    ]


def other_seeds(scores: Scores) -> list[str]:
    """The strategies that are complete on other seeds than most."""
    other = scores.complete & ~scores.comparable
    names = ", ".join(name for i, name in enumerate(scores.strategies) if other[i].any())
    if not names:
        return []
    return [
        f"On other seeds than most, and so neither ranked nor marked as best: {names}. Tests use the seeds that both have."
    ]
