"""Circumstances: what differs between the trials of a table besides what it compares, and may make a difference."""

import json
from collections import Counter

import pandas as pd

_MOST = 4  # values that are listed


def circumstances(done: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Device, kernel, steps and versions where the finished trials differ in them: the name, and each value with its count."""
    if done.empty:
        return ()
    trials = done.drop_duplicates("trial_id")
    found = []
    for name in ("device", "kernel", "steps"):
        values = trials[name]
        values = values[values.notna() & (values != "")]
        if values.nunique() > 1:
            words = [f"{value:,.0f}" if name == "steps" else str(value) for value in values.tolist()]
            found.append((name, _listed(Counter(words))))
    return (*found, *_versions(trials["versions"].dropna()))


def _versions(column: pd.Series) -> list[tuple[str, str]]:
    """The packages whose versions differ."""
    counts = Counter(column.tolist())
    if len(counts) < 2:
        return []
    packages: dict[str, Counter[str]] = {}
    for text, count in counts.items():
        try:
            known = json.loads(text)
        except ValueError:
            continue
        for package, version in known.items():
            packages.setdefault(package, Counter())[str(version)] += count
    return [(f"{package} version", _listed(of)) for package, of in packages.items() if len(of) > 1]


def _listed(counts: Counter[str]) -> str:
    several = [f"{value} ({count} trial{'s' if count > 1 else ''})" for value, count in counts.most_common(_MOST)]
    return ", ".join([*several, *([f"{len(counts) - _MOST} more"] if len(counts) > _MOST else [])])
