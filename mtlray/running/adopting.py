"""Adopting: finished trials of an earlier text of a sweep file, kept under the ids that the present text gives them.

A trial is kept only where its spec is the same but for the digests of the user's code. What follows from the spec is written
anew; the numbers, the circumstances and the rest of the row stay.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from mtlray.data import DatasetSpec
from mtlray.data.files.remote import make_ready
from mtlray.errors import ResultsError, SpecError
from mtlray.planning.wording import several
from mtlray.results.kept import copy_kept
from mtlray.results.ledger import Ledger, TrialRecord
from mtlray.results.representations import copy_representation, representations_of
from mtlray.results.schema import SUMMARY
from mtlray.results.shards import relabelled
from mtlray.results.states import TrialState
from mtlray.running.rows import identity_columns
from mtlray.specs import RunConfig, TrialSpec

_DIGEST = re.compile(r"@([0-9a-f]{8})$")
_MEASURE = ("task", "metric", "unit", "higher_is_better")

Fingerprint = Callable[[DatasetSpec], str]
"""Gives the fingerprint of the arrays that a data set's present code makes."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """A trial of the present text, and the finished trial that is kept for it: its record and its rows."""

    trial: TrialSpec
    record: TrialRecord
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class _Text:
    """A spec without what `adopt` looks past, and that: each digest of code with the class it belongs to."""

    same: str
    digests: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, canonical: str) -> "_Text":
        digests: list[tuple[str, str]] = []
        spec = {name: value for name, value in json.loads(canonical).items() if name != "versions"}
        return cls(json.dumps(_stripped(spec, digests), sort_keys=True), tuple(digests))


def _stripped(value: Any, digests: list[tuple[str, str]]) -> Any:
    if isinstance(value, list):
        return [_stripped(entry, digests) for entry in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, entry in value.items():
        if name == "type":
            bare = _DIGEST.sub("", entry)
            digests += [(bare, match[1]) for match in [_DIGEST.search(entry)] if match]
            found[name] = bare
        elif name != "component_version":  # compared by itself
            found[name] = _stripped(entry, digests)
    return found


def present_fingerprint(dataset: DatasetSpec, config: RunConfig) -> str:
    """The fingerprint of a data set's arrays, fetched or made by its present code. Raises DataError and StoreError."""
    root = Path(config.data)
    make_ready(dataset, root, config.data_from)
    return dataset.load(root).fingerprint


def adopted_reason(reason: str) -> str:
    """A reason as it is stored: on one line. Raises SpecError where there is none."""
    words = " ".join("".join(c if c.isprintable() else " " for c in reason).split())
    if not words:
        raise SpecError(
            "Option --reason should say why the edit changes no number; tables print it. Found an empty reason. "
            'Write, for example, --reason "renamed a helper function".'
        )
    return words


class Adopter:
    """Finds what can be kept for the trials of a sweep, and why the rest cannot. Reads alone.

    `codes` are digests that are preferred where several texts have the trial. Raises ResultsError.
    """

    def __init__(self, ledger: Ledger, fingerprint: Fingerprint, codes: Sequence[str] = ()) -> None:
        self._ledger, self._codes = ledger, set(codes)
        self._fingerprint = cache(fingerprint)
        self._records, damaged = ledger.records()
        self._damaged = {PurePosixPath(name).stem for name in damaged}
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        for row in ledger.summary()[0].to_pylist():
            self._rows.setdefault(row["trial_id"], []).append(row)
        self._texts: dict[str, list[tuple[str, _Text]]] = {}
        for trial_id, record in self._records.items():
            if record.state is not TrialState.FAILED and trial_id in self._rows:
                text = _Text.of(self._rows[trial_id][0]["spec"])
                self._texts.setdefault(text.same, []).append((trial_id, text))

    def find(self, trials: Sequence[TrialSpec]) -> tuple[list[Adoption], Counter[str]]:
        """What can be kept, and how many trials that an earlier text finished cannot be, by the reason."""
        found, refused = list[Adoption](), Counter[str]()
        for trial in trials:
            if trial.trial_id in self._rows or trial.trial_id in self._damaged:
                continue  # it has a result of its own, or had one: nothing is ever overwritten
            text = _Text.of(trial.canonical)
            earlier = [trial_id for trial_id, _ in self._texts.get(text.same, ())]
            fitting = [trial_id for trial_id in earlier if not self._obstacle(trial, text, trial_id)]
            chosen = self._choice(fitting, text)
            if len(chosen) == 1:
                found.append(Adoption(trial, self._records[chosen[0]], tuple(self._rows[chosen[0]])))
            elif chosen:
                refused[self._several(chosen, text)] += 1
            elif earlier:
                refused[self._obstacle(trial, text, earlier[-1])] += 1
        return found, refused

    def _obstacle(self, trial: TrialSpec, text: _Text, trial_id: str) -> str:
        """Why an earlier trial cannot stand for this one; empty where it can."""
        rows = self._rows[trial_id]
        versions = json.loads(rows[0]["component_versions"] or "{}")
        other = [
            f"{part} {versions.get(part, 1)}, now {version}"
            for part, version in trial.component_versions.items()
            if versions.get(part, 1) != version
        ]
        if other:
            return f"made by another version of the code ({'; '.join(other)})"
        measures = {(task.name, m.name, m.unit, m.higher_is_better) for task in trial.tasks for m in task.metrics}
        if measures != {tuple(row[name] for name in _MEASURE) for row in rows}:
            return "made with other tasks or metrics than the sweep file has now"
        if dict(self._text(trial_id).digests) != dict(text.digests) and self._has_other_data(trial, rows[0]):
            return "trained on other data than the data set's present code makes"
        return ""

    def _has_other_data(self, trial: TrialSpec, row: Mapping[str, Any]) -> bool:
        now, then = (json.loads(spec)["dataset"]["type"] for spec in (trial.canonical, row["spec"]))
        return bool(now != then and self._fingerprint(trial.dataset) != row["data_fingerprint"])

    def _text(self, trial_id: str) -> _Text:
        return _Text.of(self._rows[trial_id][0]["spec"])

    def _choice(self, trial_ids: Sequence[str], text: _Text) -> list[str]:
        """The trials to choose from: each that was trained once, and of several texts those that `codes` name."""
        origins = {
            _origin(self._rows[trial_id][0]): trial_id for trial_id in trial_ids if not self._is_adopted(trial_id)
        }
        origins |= {_origin(self._rows[trial_id][0]): trial_id for trial_id in trial_ids if self._is_adopted(trial_id)}
        distinct = list(origins.values())
        if len(distinct) > 1 and self._codes:
            known = self._codes | {digest for _, digest in text.digests}
            named = [i for i in distinct if {digest for _, digest in self._text(i).digests} <= known]
            return named or distinct
        return distinct

    def _is_adopted(self, trial_id: str) -> bool:
        return bool(self._rows[trial_id][0]["adopted"])

    def _several(self, trial_ids: Sequence[str], text: _Text) -> str:
        now = set(text.digests)
        texts = sorted(
            {
                f"{name}@{digest}"
                for i in trial_ids
                for name, digest in self._text(i).digests
                if (name, digest) not in now
            }
        )
        return f"finished under several earlier texts ({', '.join(texts)}); name one with --code, as in --code {texts[0][-8:]}"


def _origin(row: Mapping[str, Any]) -> str:
    """The id under which a trial was trained."""
    origin: str = json.loads(row["adopted"])["from"] if row["adopted"] else row["trial_id"]
    return origin


def write_adoptions(ledger: Ledger, sweep: str, adoptions: Sequence[Adoption], reason: str) -> None:
    """Write each trial under its new id: representations, kept network, curves, then the summary, which makes it finished.

    Killed between two of these, a trial is not finished, and the next `adopt` or `run` writes it whole. Raises OSError.
    """
    curves: dict[str, dict[str, pa.Table]] = {}
    for adoption in adoptions:
        trial, record = adoption.trial, adoption.record
        if record.dataset not in curves:
            curves[record.dataset] = _by_trial(ledger.curves(record.dataset))
        labels = {"trial_id": trial.trial_id, "strategy": trial.strategy.label}
        for _, name in representations_of(ledger.store, record.dataset, {record.trial_id}):
            copy_representation(ledger.store, (record.dataset, name), trial.dataset.label, **labels)
        copy_kept(ledger.store, (record.dataset, record.trial_id), trial.dataset.label, trial.trial_id, trial.canonical)
        curve = curves[record.dataset].get(record.trial_id)
        curve = relabelled(curve, labels) if curve is not None else None
        ledger.commit(trial.trial_id, trial.dataset.label, curve, _summary(adoption, sweep, reason))
        ledger.folder(trial.trial_id).tidy()


def _summary(adoption: Adoption, sweep: str, reason: str) -> pa.Table:
    before = json.loads(adoption.rows[0]["adopted"] or "{}")
    reasons = "; ".join(dict.fromkeys([*([before["reason"]] if before else []), reason]))
    adopted = json.dumps({"from": _origin(adoption.rows[0]), "reason": reasons})
    columns = {**identity_columns(adoption.trial), "sweep": sweep, "adopted": adopted}
    return pa.Table.from_pylist([{**row, **columns} for row in adoption.rows], schema=SUMMARY)


def _by_trial(table: pa.Table | None) -> dict[str, pa.Table]:
    if table is None:
        return {}
    places: dict[str, list[int]] = {}
    for i, trial_id in enumerate(table.column("trial_id").to_pylist()):
        places.setdefault(trial_id, []).append(i)
    return {trial_id: table.take(indices) for trial_id, indices in places.items()}


def refusal(refused: Mapping[str, int], folder: str) -> ResultsError:
    """The error where nothing can be kept."""
    if not refused:
        return ResultsError(
            f"{folder} should hold finished trials that differ from those of the sweep file in the user's code alone, and have "
            "no result under their present ids. Found none. `mtlray plan SWEEP --why` says in what the trials to run differ from "
            "finished ones."
        )
    return ResultsError(f"No finished trial in {folder} can be kept: {_reasons(refused)}. Run the sweep to train them.")


def report(adoptions: Sequence[Adoption], refused: Mapping[str, int], folder: str) -> str:
    """What was kept, and what was not, in words."""
    lines = [f"{several(len(adoptions), 'finished trial')} of an earlier text kept in {folder}; every table says so."]
    if refused:
        lines.append(f"Not kept: {_reasons(refused)}.")
    return "\n".join(lines)


def _reasons(refused: Mapping[str, int]) -> str:
    return "; ".join(f"{several(n, 'trial')} {reason}" for reason, n in refused.items())
