"""Why a trial is to run: which field or definition makes it new, compared with the nearest finished trial in the folder."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mtlray.planning.code_changes import CodeChanges
from mtlray.results.ledger import Ledger
from mtlray.specs import TrialSpec

_MISSING = "(none)"
_NEIGHBOURS = 500  # finished trials that are compared in full, where none differs in one field alone
_LINES = 12


def why_text(to_run: Sequence[TrialSpec], ledger: Ledger) -> list[str]:
    """Lines that count the trials to run by their reason, the most frequent first."""
    if not to_run:
        return []
    table, _ = ledger.summary()
    finished = {row["trial_id"]: row for row in table.select(["trial_id", "spec"]).to_pylist()}
    started = ledger.started()
    specs = [_flat(json.loads(row["spec"])) for row in finished.values()]
    one_apart, changes = _one_apart(specs), CodeChanges(to_run, ledger.store)
    counted: Counter[str] = Counter()
    for trial in to_run:
        if trial.trial_id in finished:
            counted["its files are damaged or missing"] += 1
        elif trial.trial_id in started:
            counted["started before and not finished"] += 1
        elif not specs:
            counted["nothing is finished yet"] += 1
        else:
            counted[_difference(_flat(json.loads(trial.canonical)), specs, one_apart, changes)] += 1
    lines = [f"  {n:,} × {reason}" for reason, n in counted.most_common(_LINES)]
    rest = sum(n for _, n in counted.most_common()[_LINES:])
    return ["why", *lines, *([f"  {rest:,} × other reasons"] if rest else [])]


def _difference(
    spec: Mapping[str, str], specs: Sequence[Mapping[str, str]], one_apart: Mapping[Any, Any], changes: CodeChanges
) -> str:
    """In which fields a spec differs from the nearest finished one, with the values, or what changed in the user's code."""

    def change(field: str, now: str, before: str) -> str:
        return changes.between(now, before) or f"`{field}`: {now}, finished: {before}"

    for field in sorted(spec, key=_seed_first):
        if (other := one_apart.get((field, _without(spec, field)))) is not None:
            return f"new `{field}`" if field == "seed" else f"new {change(field, spec[field], other)}"
    nearest = min(specs[:_NEIGHBOURS], key=lambda other: len(_fields(spec, other)))
    values = [
        change(field, spec.get(field, _MISSING), nearest.get(field, _MISSING))
        for field in _fields(spec, nearest)
        if field != "seed"
    ]
    return "new " + "; ".join(values)


def _fields(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The fields that are not the same in both; what a strategy of another type holds is left out."""
    different = sorted(field for field in one.keys() | other.keys() if one.get(field) != other.get(field))
    types = [field.removesuffix("type") for field in different if field.endswith(".type")]
    return [f for f in different if f.endswith(".type") or not any(f.startswith(prefix) for prefix in types)]


def _one_apart(specs: Sequence[Mapping[str, str]]) -> dict[tuple[str, int], str]:
    """The value of each field of each finished trial, by the field and the rest of the trial."""
    return {(field, _without(spec, field)): spec[field] for spec in specs for field in spec}


def _without(spec: Mapping[str, str], field: str) -> int:
    return hash(frozenset(item for item in spec.items() if item[0] != field))


def _seed_first(field: str) -> tuple[bool, str]:
    return field != "seed", field


def _flat(value: Any) -> dict[str, str]:
    """A spec as its fields, each with its path and its value in JSON."""
    return dict(_leaves("", value))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _leaves(f"{path}.{key}" if path else key, entry)
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            yield from _leaves(f"{path}[{i}]", entry)
    else:
        yield path, json.dumps(value)
