"""Protocol and provenance: what the trials were, read from their specs, and where and when they ran."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from mtlray.analysis.grid.load import Results

# What the tables' axes say already, and what is the same by construction.
_AXES = ("seed", "fraction", "strategy", "type", "results_version")
_MOST = 6  # values of one setting that are listed

Facts = list[tuple[str, str]]


def protocol(results: Results, dataset: str) -> Facts:
    """Each setting of the finished trials' specs, such as `optimizer.lr`, and its values; empty before any is finished."""
    rows = results.summary[results.summary["dataset"] == dataset].drop_duplicates("trial_id")
    found: dict[str, Counter[str]] = {}
    for spec in rows["spec"].dropna():
        try:
            settings = json.loads(spec)
        except ValueError:
            continue
        if isinstance(settings, dict):
            for key, value in _flat({k: v for k, v in settings.items() if k not in _AXES}):
                found.setdefault(key, Counter())[value] += 1
    return [(key, _values(counts)) for key, counts in sorted(found.items())]


def provenance(results: Results) -> Facts:
    """Commits, versions, devices, time and the last launch."""
    rows = results.summary.drop_duplicates("trial_id")
    launch = results.sweep.get("launch") or {}
    made_by = Counter(str(version) for version in rows["results_version"].dropna().astype(int))
    facts: Facts = [("results_version", _values(made_by))]
    commits = Counter(
        f"{commit or 'outside a repository'}{', with uncommitted changes' if dirty else ''}"
        for commit, dirty in zip(rows["commit"].fillna(""), rows["dirty"].fillna(False), strict=True)
    )
    facts.append(("commit", _values(commits)))
    facts.append(("hardware", _values(Counter(device or "unknown" for device in rows["device"].fillna("")))))
    facts += [(f"version of {package}", _values(counts)) for package, counts in _versions(rows).items()]
    seconds = float(rows["seconds"].fillna(0).sum())
    facts.append(
        ("time of all finished trials", f"{seconds / 3600:,.2f} h" if seconds >= 3600 else f"{seconds:,.0f} s")
    )
    again = int((rows["attempts"].fillna(1) > 1).sum())
    facts.append(("trials started more than once", str(again)))
    for key in ("at", "host", "sweep_file", "device", "workers"):
        if launch.get(key) is not None:
            facts.append((f"last launch: {key.replace('_', ' ')}", str(launch[key])))
    return facts


def fingerprints(results: Results, dataset: str) -> str:
    """The fingerprints of the prepared data behind a data set's finished trials."""
    rows = results.summary[results.summary["dataset"] == dataset].drop_duplicates("trial_id")
    return ", ".join(sorted(set(rows["data_fingerprint"].dropna()) - {""}))


def _versions(rows: pd.DataFrame) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for text, count in rows["versions"].dropna().value_counts().items():
        try:
            versions = json.loads(str(text))
        except ValueError:
            continue
        for package, version in versions.items():
            found.setdefault(package, Counter())[str(version)] += int(count)
    return found


def _values(counts: Counter[str]) -> str:
    """The values, each with its number of trials where there are several."""
    if len(counts) == 1:
        return next(iter(counts))
    listing = ", ".join(f"{value} ({count} trials)" for value, count in counts.most_common(_MOST))
    return f"{listing} and {len(counts) - _MOST} more" if len(counts) > _MOST else listing or "no finished trial"


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            yield f"{prefix}{key}", value
        else:
            yield f"{prefix}{key}", json.dumps(value)
