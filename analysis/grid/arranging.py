"""Arranging: which axis of a sweep stands in the rows of a table and which in its columns, so that none is averaged over.

Strategies, and every axis that the sweep names, are rows; fractions are columns; data sets are tables of their own. `by` moves
axes to the front of the rows, `across` to the columns. An optimizer's field that the sweep tunes is neither, unless it is named.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mtlray.analysis.grid.facts import facts
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.places import IN_ROWS
from mtlray.analysis.grid.several import together
from mtlray.errors import ResultsError, SpecError
from mtlray.results.conditions import condition, unknown_field
from mtlray.results.configuration import PARTS
from mtlray.words.values import per_cent, shortest

_ALIASES = {"learning_rate": "optimizer.lr", "lr": "optimizer.lr"}
_OWN = {
    "strategy": "own_strategy",
    "fraction": "own_fraction",
    "optimizer.lr": "learning_rate",
    "optimizer": "optimizer",
}
_Values = list[Any]


def arranged(
    results: Results, *, by: Sequence[str] = (), across: Sequence[str] = (), where: str | None = None
) -> Results:
    """The same results with the axes `by` first in the rows and `across` in the columns, of the trials that meet a condition.

    Raises SpecError for an axis that no trial has, with the nearest name, for one that is in both or can be in neither, and as
    `Condition.choose` does; ResultsError where two trials of one seed would stand in one cell.
    """
    if results.parts:
        return together([arranged(part, by=by, across=across, where=where) for part in results.parts])
    results = _chosen(results, where)
    by, across = (tuple(dict.fromkeys(_ALIASES.get(name, name) for name in names)) for names in (by, across))
    declared = dict.fromkeys(name for axes in results.expected["axes"].tolist() for name in axes)
    known = None if {*by, *across} <= {*declared, *_OWN, "dataset", "seed"} else facts(results)
    _require_axes(by, across, known or (), {*declared, *_OWN})
    tuned = set(results.sweep.get("tune") or ())
    values = {
        name: _values(results.expected, name, known) for name in dict.fromkeys((*by, *across, "strategy", *declared))
    }
    varying = [name for name in declared if name not in tuned and _varies(values[name])]
    rows = tuple(dict.fromkeys((*by, *(name for name in ("strategy", *varying) if name not in across))))
    if not by and not across and rows == ("strategy",) and not results.placed.rows:
        return results
    columns = tuple(name for name in across if name != "fraction")
    row_of, column_of = _words(values, rows, columns), _words(values, columns, rows)
    expected = results.expected.assign(strategy=row_of, across=column_of)
    expected["fraction"] = IN_ROWS if "fraction" in rows else expected["own_fraction"]
    order = _order(values, by)
    found = dataclasses.replace(
        results,
        expected=expected.iloc[order].reset_index(drop=True),
        placed=dataclasses.replace(
            results.placed,
            rows=tuple(name for name in rows if name != "strategy"),
            columns=columns,
            of_row=_each(row_of, values, rows),
            of_column=_each([column_of[i] for i in _order(values, columns)], values, columns, _order(values, columns)),
        ),
    )
    _refuse_averages(found)
    return found


def with_axes(frame: pd.DataFrame, results: Results) -> pd.DataFrame:
    """A table's frame with a column for each axis of its rows and columns, None in rows that stand for several values.

    `strategy` stays the label of the row, and `across` the words of the column, where columns stand for axes.
    """
    placed = results.placed
    names = (*placed.rows, *placed.columns)
    if not names:
        return frame.drop(columns="across", errors="ignore")
    columns = frame["across"] if "across" in frame else [""] * len(frame)
    places = list(zip(frame["strategy"].tolist(), columns, strict=True))
    of = [{**placed.of_row.get(row, {}), **placed.of_column.get(column, {})} for row, column in places]
    if not placed.columns:
        frame = frame.drop(columns="across", errors="ignore")
    for name in names:
        if name != "strategy":
            frame[name] = [own.get(name) for own in of]
    return frame


def _chosen(results: Results, where: str | None) -> Results:
    """The results of the trials that meet a condition."""
    if where is None:
        return results
    wanted = condition(where)
    chosen = wanted.choose(facts(results))
    expected = results.expected[chosen].reset_index(drop=True)
    kept = results.summary["trial_id"].isin(expected["trial_id"])
    return dataclasses.replace(
        results,
        expected=expected,
        summary=results.summary[kept].reset_index(drop=True),
        placed=dataclasses.replace(results.placed, where=wanted.text),
    )


def _require_axes(by: Sequence[str], across: Sequence[str], known: Sequence[Mapping[str, Any]], axes: set[str]) -> None:
    """Raise SpecError for names that are no axes of the trials, or cannot stand where they are asked for."""
    names = set().union(axes, *known) - {"seed", "dataset"}
    for option, wanted in (("--by", by), ("--across", across)):
        for name in wanted:
            if name in ("seed", "dataset"):
                why = "means are over seeds" if name == "seed" else "each data set has a table of its own"
                raise SpecError(
                    f"Option {option} should name axes of a table. Found `{name}`, but {why}. Leave it out."
                )
            if name not in names:
                raise unknown_field(option, name, names)
    if both := set(by) & set(across):
        raise SpecError(f"Options --by and --across should name different axes. Found `{sorted(both)[0]}` in both.")


def _values(expected: pd.DataFrame, name: str, known: Sequence[Mapping[str, Any]] | None) -> _Values:
    """The value of an axis in each planned trial, None where the trial's parts lack it."""
    of_axes = [axes.get(name) for axes in expected["axes"].tolist()]
    if any(value is not None for value in of_axes):
        return of_axes
    if name == "optimizer":
        return _optimizers(expected)
    if name in _OWN:
        return list(expected[_OWN[name]].tolist())
    return [_hashable(fields.get(name)) for fields in known or ()]


def _optimizers(expected: pd.DataFrame) -> _Values:
    """Optimizers by their labels, with learning rates where one ran with several."""
    labels, rates = expected["optimizer"].tolist(), expected["learning_rate"].tolist()
    several = len(set(zip(labels, rates, strict=True))) > len(set(labels))
    return [f"{label} lr {shortest(rate)}" if several else label for label, rate in zip(labels, rates, strict=True)]


def _hashable(value: Any) -> Any:
    return str(tuple(value)) if isinstance(value, list) else value


def _varies(values: _Values) -> bool:
    return len({value for value in values if value is not None}) > 1


def _words(values: Mapping[str, _Values], names: Sequence[str], elsewhere: Sequence[str]) -> list[str]:
    """For each trial the axes `names` in words, no longer than tells them apart; those `elsewhere` are not in its strategy."""
    shown = [name for name in names if name == "strategy" or not _told_by_strategy(values, name, names)]
    hidden = [name.partition(".")[2] for name in elsewhere if name.startswith("strategy.")]
    last = [_last(name) for name in (*names, *elsewhere)]
    short = {name: name if last.count(_last(name)) > 1 else _last(name) for name in shown}
    made: dict[tuple[Any, ...], str] = {}
    every = list(zip(*(values[name] for name in shown), strict=True)) or [()] * len(values["strategy"])
    for own in every:
        if own not in made:
            made[own] = _one(dict(zip(shown, own, strict=True)), short, hidden)
    return [made[own] for own in every]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _one(own: Mapping[str, Any], short: Mapping[str, str], hidden: Sequence[str]) -> str:
    """The values of one trial in words: `equal lenet-B, batch_size 16`."""
    words = [_word(name, value, short[name], hidden) for name, value in own.items() if value is not None]
    if not words:
        return ", ".join(f"no {short[name]}" for name in own)
    return (
        " ".join(filter(None, (words[0], ", ".join(words[1:])))) if next(iter(own)) == "strategy" else ", ".join(words)
    )


def _word(name: str, value: Any, short: str, hidden: Sequence[str]) -> str:
    if name == "strategy":
        return _without(value, hidden)
    if name == "fraction":
        return f"{per_cent(value)} % of the data"
    return str(value) if name in PARTS else f"{short} {shortest(value)}"


def _told_by_strategy(values: Mapping[str, _Values], name: str, names: Sequence[str]) -> bool:
    """Whether the label of the strategy, which stands beside it, already tells the value of one of its fields."""
    if not name.startswith("strategy.") or "strategy" not in names:
        return False
    return len(set(zip(values["strategy"], values[name], strict=True))) == len(set(values["strategy"]))


def _without(label: str, hidden: Sequence[str]) -> str:
    """A strategy's label without some hyperparameters: `dwa` for `dwa(temperature=1)`."""
    key, bracket, inside = label.partition("(")
    if not bracket or not hidden:
        return label
    parts = re.findall(r"(?:[^,()]|\([^()]*\))+", inside.removesuffix(")"))
    left = [part for part in parts if part.partition("=")[0].strip() not in hidden]
    return f"{key}({','.join(left)})" if left else key


def _order(values: Mapping[str, _Values], names: Sequence[str]) -> list[int]:
    """The places of the trials sorted by some axes, each in the order of the sweep; else as they are."""
    order = list(range(len(values["strategy"])))
    for name in reversed(names):
        place = {value: i for i, value in enumerate(dict.fromkeys(values[name]))}
        order.sort(key=lambda i, name=name, place=place: place[values[name][i]])  # type: ignore[misc]
    return order


def _each(
    words: Sequence[str], values: Mapping[str, _Values], names: Sequence[str], order: Sequence[int] | None = None
) -> dict[str, dict[str, Any]]:
    """The values of some axes by the words that stand for them."""
    found: dict[str, dict[str, Any]] = {}
    for word, i in zip(words, order if order is not None else range(len(words)), strict=True):
        if word not in found:
            found[word] = {name: values[name][i] for name in names}
    return found


def _refuse_averages(results: Results) -> None:
    """Raise ResultsError where two trials of one seed and optimizer stand in one cell."""
    keys = ["dataset", "strategy", "fraction", "across", "optimizer", "learning_rate", "seed"]
    twice = results.expected[results.expected.duplicated(keys, keep=False)]
    if len(twice):
        one = twice.iloc[0]
        others = twice[(twice[keys[:-1]].fillna("") == one[keys[:-1]].fillna("")).all(axis=1)]
        labels = ", ".join(dict.fromkeys(others["own_strategy"].tolist()))
        raise ResultsError(
            f"A cell should be a mean over seeds alone. With these --by and --across, several trials of seed {one['seed']} stand "
            f"in the cell {one['strategy']} {one['across']}: {labels}. Name what tells them apart in --by or --across."
        )
