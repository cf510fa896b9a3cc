"""Several: the results of several sweeps, or of several versions of one, as one. Each strategy's name says whose it is."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mtlray.analysis.grid.load import Rates, Results, load
from mtlray.analysis.grid.places import Namesakes, Placed
from mtlray.analysis.sources import Source, Sources, sources
from mtlray.errors import ResultsError
from mtlray.results.configuration import flat

# What is read besides the columns of a table, to say what differs between the sweeps.
SETTINGS = ("spec", "results_version", "component_versions")


def load_all(given: Sources, columns: Sequence[str] | None = None) -> Results:
    """The results of one folder as `load` reads them, or of several `together`. Raises what these raise."""
    named = sources(given)
    if len(named) == 1:
        return _loaded(named[0], columns)
    wanted = None if columns is None else [*columns, *(name for name in SETTINGS if name not in columns)]
    return together([_loaded(one, wanted) for one in named])


def _loaded(source: Source, columns: Sequence[str] | None) -> Results:
    return load(source.folder, trials=source.trials, common=source.common, columns=columns)


def together(parts: Sequence[Results]) -> Results:
    """Several sweeps as one: strategies are called `equal [before]`, and those of one name stand below each other.

    Kept are the data sets on which two of the sweeps have a strategy in common. Raises ResultsError where there is none, where a
    folder is named twice, and where the sweeps were trained on different data.
    """
    folders = [part.ledger.store.where("").rstrip("/") for part in parts]
    if len(set(folders)) < len(folders):
        raise ResultsError(
            f"Sweeps that are compared should lie in folders of their own. Found `{max(folders, key=folders.count)}` twice. Name "
            "each once."
        )
    names = dict(zip(_short(folders), folders, strict=True))
    planned = [part.expected.groupby("dataset", sort=False)["strategy"].unique() for part in parts]
    shared = _shared(planned, list(names))
    for dataset in shared:
        _refuse_other_data(dataset, dict(zip(names, parts, strict=True)))
    made = [_part(part, name, shared) for part, name in zip(parts, names, strict=True)]
    expected = pd.concat([expected for expected, _ in made], ignore_index=True)
    return Results(
        ledger=parts[0].ledger,
        sweep=_described(parts, list(names)),
        summary=pd.concat([summary for _, summary in made], ignore_index=True),
        expected=_in_order(expected, parts, names, shared),
        damaged=[f"{name}: {file}" for name, part in zip(names, parts, strict=True) for file in part.damaged],
        others=sum(part.others for part in parts),
        rates=_rates(parts, list(names)),
        placed=_placed(parts, list(names)),
        parts=tuple(parts),
        namesakes=Namesakes(
            folders=names,
            of={
                labelled(strategy, name): (strategy, name)
                for found, name in zip(planned, names, strict=True)
                for own in found
                for strategy in own
            },
        ),
    )


def labelled(strategy: str, sweep: str) -> str:
    """A strategy's name with that of its sweep."""
    return f"{strategy} [{sweep}]"


def changed(results: Results, dataset: str) -> list[tuple[str, str]]:
    """The settings and versions in which sweeps that stand together differ on a data set, and each sweep's values.

    Read from the trials of the strategies that two of them have in common; nothing for one sweep.
    """
    if not results.parts or not set(SETTINGS) <= set(results.summary):
        return []
    names, common = list(results.namesakes.folders), _in_common(results, dataset)
    found: dict[str, dict[str, dict[str, None]]] = {}
    for name, part in zip(names, results.parts, strict=True):
        rows = part.summary[(part.summary["dataset"] == dataset) & part.summary["strategy"].isin(common)]
        for row in rows.drop_duplicates("trial_id")[list(SETTINGS)].drop_duplicates().itertuples(index=False):
            for key, value in _settings(row):
                found.setdefault(key, {}).setdefault(name, {})[value] = None
    described = []
    for key, of_sweeps in found.items():
        if len({frozenset(values) for values in of_sweeps.values()}) > 1 or len(of_sweeps) < len(_begun(results)):
            listed = (f"{' or '.join(of_sweeps.get(name, ['not set']))} in {name}" for name in _begun(results))
            described.append((key, ", ".join(listed)))
    return described


def _begun(results: Results) -> list[str]:
    """The sweeps that have a finished trial."""
    return [name for name, part in zip(results.namesakes.folders, results.parts, strict=True) if len(part.summary)]


def _in_common(results: Results, dataset: str) -> set[str]:
    """The strategies that two of the sweeps have on a data set."""
    here = set(results.expected.loc[results.expected["dataset"] == dataset, "strategy"].tolist())
    names = [results.namesakes.of[label][0] for label in here]
    return {name for name in names if names.count(name) > 1}


def _settings(row: Any) -> list[tuple[str, str]]:
    """The settings of a row of SETTINGS, such as `optimizer.lr`; versions above the first of what they are of."""
    found = [("results_version", str(row.results_version))]
    for column, prefix in ((row.component_versions, "version of "), (row.spec, "")):
        try:
            known = json.loads(column)
        except (TypeError, ValueError):
            continue
        if isinstance(known, dict):
            found += [
                (f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value))
                for key, value in flat(known).items()
            ]
    return [(key, value) for key, value in found if key not in ("seed", "fraction") and not _is_first(key, value)]


def _is_first(key: str, value: str) -> bool:
    return key.startswith("version of ") and value == "1"  # as good as none, which older results have


def _short(folders: Sequence[str]) -> list[str]:
    """What tells folders apart: the last part of their paths in which all differ, or their numbers."""
    paths = [folder.split("/") for folder in folders]
    for back in range(1, min(map(len, paths)) + 1):
        names = [path[-back] for path in paths]
        if len(set(names)) == len(names) and all(names):
            return names
    return [str(number + 1) for number in range(len(folders))]


def _shared(planned: Sequence["pd.Series[Any]"], names: Sequence[str]) -> list[str]:
    """The data sets on which two sweeps plan a strategy of one name. Raises ResultsError where there is none."""
    shared = []
    for dataset in dict.fromkeys(dataset for found in planned for dataset in found.index.tolist()):
        strategies = [s for found in planned if dataset in found.index for s in found[dataset].tolist()]
        if len(set(strategies)) < len(strategies):
            shared.append(dataset)
    if shared:
        return shared
    held = "; ".join(
        f"{name} has " + "; ".join(f"{', '.join(found[dataset])} on {dataset}" for dataset in found.index)
        if len(found)
        else f"{name} plans no trial"
        for name, found in zip(names, planned, strict=True)
    )
    raise ResultsError(
        f"Sweeps that are compared should have a strategy of one name on one data set. Found none: {held}. Make a table of each "
        "by itself, or give the strategies one name."
    )


def _refuse_other_data(dataset: str, parts: Mapping[str, Results]) -> None:
    """Raise ResultsError where the finished trials of the sweeps saw different data: a difference would be that of the data."""
    for column, kind in (("data_origin", "origin"), ("data_fingerprint", "fingerprint")):
        found = {}
        for name, part in parts.items():
            values = part.summary.loc[part.summary["dataset"] == dataset, column].dropna().unique().tolist()
            if known := [value for value in values if value]:
                found[name] = " and ".join(f"`{value}`" for value in known)
        if len(set(found.values())) > 1:
            listing = ", ".join(f"{name} has {value}" for name, value in found.items())
            raise ResultsError(
                f"Sweeps that are compared should be trained on the same data. The {kind} of {dataset} differs: {listing}. Run "
                "both on the same data, or make a table of each by itself."
            )


def _part(part: Results, name: str, shared: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A sweep's planned trials and rows on some data sets, with names that say whose they are."""
    made = []
    for frame in (part.expected, part.summary):
        own = frame[frame["dataset"].isin(shared)]
        made.append(
            own.assign(
                trial_id=[f"{name}/{trial}" for trial in own["trial_id"].tolist()],
                strategy=[labelled(strategy, name) for strategy in own["strategy"].tolist()],
            )
        )
    return made[0], made[1]


def _in_order(
    expected: pd.DataFrame, parts: Sequence[Results], names: Mapping[str, str], shared: Sequence[str]
) -> pd.DataFrame:
    """Trials by data set and strategy, those of one name below each other, in the order of the sweeps."""
    strategies = dict.fromkeys(strategy for part in parts for strategy in part.expected["strategy"].tolist())
    order = [labelled(strategy, name) for strategy in strategies for name in names]
    place = {label: i for i, label in enumerate(order)}
    keys = pd.DataFrame(
        {"dataset": expected["dataset"].map(shared.index), "strategy": expected["strategy"].map(place.__getitem__)}
    )
    return expected.loc[keys.sort_values(["dataset", "strategy"], kind="stable").index].reset_index(drop=True)


def _described(parts: Sequence[Results], names: Sequence[str]) -> dict[str, Any]:
    """What the sweeps say of themselves, as far as it is the same."""
    same = {
        key: parts[0].sweep.get(key)
        for key in ("question", "selection", "published")
        if all(part.sweep.get(key) == parts[0].sweep.get(key) for part in parts)
    }
    origins: dict[str, Any] = {}
    for part in reversed(parts):
        origins |= part.sweep.get("data_origin") or {}
    return same | {"name": " and ".join(names), "data_origin": origins}


def _placed(parts: Sequence[Results], names: Sequence[str]) -> Placed:
    """The axes of the sweeps' rows and columns, under the names that their rows have here."""
    placed = [part.placed for part in parts]
    return Placed(
        rows=tuple(dict.fromkeys(name for own in placed for name in own.rows)),
        columns=tuple(dict.fromkeys(name for own in placed for name in own.columns)),
        of_row={
            labelled(row, name): values
            for own, name in zip(placed, names, strict=True)
            for row, values in own.of_row.items()
        },
        of_column={words: values for own in placed for words, values in own.of_column.items()},
        where=placed[0].where,
    )


def _rates(parts: Sequence[Results], names: Sequence[str]) -> Rates:
    """The choices of each sweep under the names that its strategies have here."""
    both = list(zip((part.rates for part in parts), names, strict=True))
    said = {name: f"{rates.rule}: {rates.description}" for rates, name in both if rates.rule}
    notes: dict[str, tuple[str, ...]] = {}
    for rates, name in both:
        for dataset, own in rates.notes.items():
            notes[dataset] = (*notes.get(dataset, ()), *(f"{name}: {note}" for note in own))
    return Rates(
        rule="each sweep's own" if said else "",
        description="; ".join(f"{name}, {words}" for name, words in said.items()),
        chosen={(d, labelled(s, name), f): v for rates, name in both for (d, s, f), v in rates.chosen.items()},
        labels={(d, labelled(s, name)): v for rates, name in both for (d, s), v in rates.labels.items()},
        tried={(d, labelled(s, name), f): v for rates, name in both for (d, s, f), v in rates.tried.items()},
        notes=notes,
    )
