"""Facts: the fields of the planned trials by their dotted names, as a results folder knows them without the sweep file."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mtlray.results.configuration import flat

if TYPE_CHECKING:
    from mtlray.analysis.grid.load import Results


def facts(results: "Results") -> list[dict[str, Any]]:
    """The fields of each planned trial, in the order of `expected`.

    They are those that sweep.json lists; in folders that were described before it did, those of the finished trials' own rows,
    and of the others only what every trial list has: data set, strategy, optimizer, learning rate, fraction and seed.
    """
    expected = results.expected
    listed = expected["fields"].tolist()
    rows = _of_rows(results) if any(fields is None for fields in listed) else {}
    found = []
    keys = ("trial_id", "dataset", "own_strategy", "optimizer", "learning_rate", "own_fraction", "seed")
    columns = (expected[key].tolist() for key in keys)
    for fields, axes, (trial, dataset, strategy, optimizer, rate, fraction, seed) in zip(
        listed, expected["axes"].tolist(), zip(*columns, strict=True), strict=True
    ):
        known = rows.get(trial, {}) if fields is None else {**results.common, **fields}
        named = {"dataset": dataset, "strategy": strategy, "fraction": fraction, "seed": seed}
        setting = {"optimizer": optimizer, "optimizer.lr": rate} if optimizer is not None else {}
        found.append({**known, **axes, **setting, **named})
    return found


def _of_rows(results: "Results") -> dict[str, dict[str, Any]]:
    """The fields of the finished trials by id, from the specs that their rows hold."""
    table, _ = results.ledger.summary(["trial_id", "model", "spec"])
    found: dict[str, dict[str, Any]] = {}
    for trial, model, spec in zip(
        *(table.column(name).to_pylist() for name in ("trial_id", "model", "spec")), strict=True
    ):
        if trial not in found:
            found[trial] = {**_flat(spec), "model": model}
    return found


def _flat(spec: str | None) -> dict[str, Any]:
    try:
        known = json.loads(spec or "{}")
    except ValueError:
        return {}
    return flat(known) if isinstance(known, Mapping) else {}
