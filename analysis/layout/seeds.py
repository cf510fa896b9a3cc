"""Seeds: what a small number of them means for intervals and tests, as sentences to print below a table."""

from collections.abc import Iterable

# Measured in tests of mtlray.analysis.statistics.bootstrap on normal data, in per cent of 95.
_COVERAGE = {2: 50, 3: 75, 4: 88, 5: 92}


def few_seeds(counts: Iterable[int], *, tests: bool = False) -> list[str]:
    """Warnings for a table whose rows rest on `counts` seeds, with `tests` or without; none from six seeds on."""
    n = min((count for count in counts if count > 0), default=0)
    if n == 1:
        return ["Some rows rest on one seed: no interval and no test can be made of it."]
    notes = []
    if n in _COVERAGE:
        notes.append(
            f"With {n} seeds a bootstrap interval called 95 % holds the true mean about {_COVERAGE[n]} % of the time "
            "(normal data); from ten seeds on it is 95 %."
        )
    if tests and n in _COVERAGE:
        notes.append(f"With {n} pairs Wilcoxon's p is never below {2 / 2**n:.2g}, whatever the values are.")
    return notes
