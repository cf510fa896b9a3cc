"""Load: one sweep's results folder as data frames, beside the list of trials that should be in it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from mtlray.analysis.grid.places import Namesakes, Place, Placed
from mtlray.analysis.grid.reading import summary_frame
from mtlray.errors import ResultsError
from mtlray.results.configuration import SETTING_KEYS, configuration
from mtlray.results.ledger import Ledger
from mtlray.results.owner import present, running
from mtlray.words.values import per_cent, shortest

# What this package reads of each entry of the trial list.
TRIAL_KEYS = ("trial_id", "dataset", "strategy", "fraction", "seed", "tasks")
_LABELS = ("trial_id", "dataset", "strategy", "fraction", "seed", *SETTING_KEYS)
_VERSIONS = ("results_version", "component_versions")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """Which learning rates speak for the strategies; see `mtlray.analysis.grid.tuning`.

    `rule` is "" where no strategy ran with several. `chosen` maps (data set, strategy, place) to optimizer and learning
    rate; `labels` maps (data set, strategy) to the same in words, where the rows of a table differ in it; `tried` counts the
    configurations that each choice was made among.
    """

    rule: str = ""
    description: str = ""
    chosen: Mapping[tuple[str, str, Place], tuple[str, float]] = field(default_factory=dict)
    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)
    tried: Mapping[tuple[str, str, Place], int] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Results:
    """What a sweep planned and what results it has.

    `summary` has one row per finished trial, task and metric (columns: `mtlray.results.ledger.SUMMARY`), only for trials in
    `expected`, each trial once. `expected` has one row per planned trial, in sweep order: trial_id, dataset, strategy,
    fraction, seed, tasks (a list of the names of the tasks it trains), optimizer, learning_rate, and what
    `mtlray.analysis.grid.arranging` reads: axes and fields (those that differ between trials; None where sweep.json does not
    say), own_strategy and own_fraction. There `strategy` is the label of the trial's row, and `across` that of its column but for
    the fraction; `placed` says by which axes. `common` are the fields that all trials share. `damaged` names the summary files
    that do not open. `others` counts the finished trials in the folder that are not in `expected`. `untuned` are the
    results with all configurations, where `mtlray.analysis.grid.tuning` has chosen among several. Results of several sweeps have
    these as `parts`; a trial's id then begins with the name of its sweep.
    """

    ledger: Ledger
    sweep: dict[str, Any]
    summary: pd.DataFrame
    expected: pd.DataFrame
    damaged: list[str]
    others: int
    rates: Rates = field(default_factory=Rates)
    untuned: "Results | None" = None
    common: Mapping[str, Any] = field(default_factory=dict)
    placed: Placed = field(default_factory=Placed)
    parts: tuple["Results", ...] = ()
    namesakes: Namesakes = field(default_factory=Namesakes)

    @property
    def datasets(self) -> list[str]:
        """The data sets of the planned trials, in sweep order."""
        return list(dict.fromkeys(self.expected["dataset"].tolist()))

    def curves(self, dataset: str) -> pd.DataFrame:
        """One row per evaluation of the planned trials on a data set; empty where nothing was recorded yet."""
        if self.parts:
            found = [self._named(name, part.curves(dataset)) for name, part in self._each()]
            every = [frame for frame in found if len(frame)]
            return pd.concat(every, ignore_index=True) if every else pd.DataFrame()
        curves = self.ledger.curves(dataset)
        if curves is None:
            return pd.DataFrame()
        frame: pd.DataFrame = curves.to_pandas()
        return frame[frame["trial_id"].isin(self.expected["trial_id"])].reset_index(drop=True)

    def started(self) -> set[str]:
        """The ids of the trials that were ever started."""
        if self.parts:
            return {f"{name}/{trial}" for name, part in self._each() for trial in part.started()}
        return self.ledger.started()

    def running(self) -> set[str]:
        """The ids of the trials that drivers are at work on now."""
        if self.parts:
            return {f"{name}/{trial}" for name, part in self._each() for trial in part.running()}
        return running(present(self.ledger.store))

    def damage(self) -> tuple[set[str], list[str]]:
        """The ids of the trials that lost a file of theirs, and the files that do not open or are missing."""
        if self.parts:
            found = [(name, part.damage()) for name, part in self._each()]
            ids = {f"{name}/{trial}" for name, (trials, _) in found for trial in trials}
            return ids, [file for _, (_, files) in found for file in files]
        whole, torn = self.ledger.records(every_byte=False)
        files = list(dict.fromkeys([*self.damaged, *torn]))
        return {PurePosixPath(file).stem for file in files} | (set(self.summary["trial_id"]) - whole.keys()), files

    def _each(self) -> Iterable[tuple[str, "Results"]]:
        return zip(self.namesakes.folders, self.parts, strict=True)

    def _named(self, name: str, curves: pd.DataFrame) -> pd.DataFrame:
        """A sweep's curves with the names that its trials and strategies have here."""
        strategy_of = dict(zip(self.expected["trial_id"].tolist(), self.expected["strategy"].tolist(), strict=True))
        trials = [f"{name}/{trial}" for trial in curves["trial_id"].tolist()] if len(curves) else []
        if not trials:
            return curves
        own = curves.assign(trial_id=trials)[[trial in strategy_of for trial in trials]]
        return own.assign(strategy=[strategy_of[trial] for trial in own["trial_id"].tolist()])


def load(
    results: str,
    *,
    trials: Sequence[Mapping[str, Any]] | None = None,
    common: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> Results:
    """Read a sweep's folder `RESULTS/<sweep>`, or a results folder that holds exactly one sweep. Changes nothing.

    Finished trials are labelled as their own rows say, which are sealed. Axes of the sweep are in the labels of the rows, see
    `mtlray.analysis.grid.arranging`. `trials` replaces the trial list of `sweep.json`, and `common` the fields that all of them
    share; their entries have the same keys. `columns` are those of the summary that are read, all by default. Raises
    ResultsError where there is no sweep, more than one, a sweep file that is not one, or a cell whose trials were made by
    different versions of what computes them.
    """
    ledger = open_ledger(str(results))
    # Rows first: while they are read, there are two copies of them, and the list of a large sweep takes as much again.
    frame, damaged = summary_frame(ledger, None if columns is None else [*columns, *_LABELS, *_VERSIONS])
    sweep = ledger.read_sweep()
    assert sweep is not None, "open_ledger looked for it"
    where = ledger.store.where("sweep.json")
    listed = sweep.pop("trials", None) if isinstance(sweep, dict) else None
    if not isinstance(sweep, dict) or (trials is None and not isinstance(listed, list)):
        raise ResultsError(
            f"{where} should describe a sweep and list its `trials`. Launch the sweep again to write it anew."
        )
    expected = _expected(listed if trials is None else trials, where)
    del listed
    ids = set(expected["trial_id"].tolist())
    planned = [trial in ids for trial in frame["trial_id"].tolist()]
    others = frame.loc[[not known for known in planned], "trial_id"].nunique() if not all(planned) else 0
    summary = frame[planned].reset_index(drop=True) if others else frame
    _label(expected, summary)
    expected = expected.assign(own_strategy=expected["strategy"], own_fraction=expected["fraction"], across="")
    _refuse_mixtures(expected, summary, ledger.store.where(""))
    shared = common if common is not None else sweep.get("fields")
    found = Results(
        ledger=ledger,
        sweep=sweep,
        summary=summary if columns is None else summary[list(columns)],
        expected=expected,
        damaged=damaged,
        others=int(others),
        common=shared if isinstance(shared, Mapping) else {},
    )
    from mtlray.analysis.grid.arranging import arranged  # which reads Results

    return arranged(found)


def adopted_text(results: Results, dataset: str) -> str:
    """How many finished trials on a data set an earlier text of the sweep file trained, and why they stand; "" for none."""
    rows = results.summary[results.summary["dataset"] == dataset].drop_duplicates("trial_id")
    reasons = Counter(json.loads(entry)["reason"] for entry in rows["adopted"].dropna())
    if not reasons:
        return ""
    why = "; ".join(f"{reason} ({n})" if len(reasons) > 1 else reason for reason, n in sorted(reasons.items()))
    count = sum(reasons.values())
    return (
        f"{count} of {len(rows)} finished trials {'were' if count > 1 else 'was'} trained under an earlier text of the sweep "
        f"file and kept by `mtlray adopt`: {why}"
    )


def open_ledger(results: str) -> Ledger:
    """The ledger of the one sweep that lies at or right below a path or URI."""
    if "://" not in results:
        results = str(Path(results).expanduser().resolve())  # "." and ".." have no parent in their name
    results = results.rstrip("/")
    parent, _, name = results.rpartition("/")
    if name and not parent.endswith(":/"):  # a bucket by itself is no sweep
        ledger = Ledger(parent or "/", name)
        if ledger.store.exists("sweep.json"):
            return ledger
    below = [Ledger(results, entry) for entry in Ledger(results, "").store.names("")]
    sweeps = [ledger for ledger in below if ledger.store.exists("sweep.json")]
    if len(sweeps) == 1:
        return sweeps[0]
    if sweeps:
        raise ResultsError(
            f"`{results}` should hold one sweep. Found {len(sweeps)}: {', '.join(s.sweep for s in sweeps)}. "
            f"Name one of them, for example `{results}/{sweeps[0].sweep}`."
        )
    raise ResultsError(
        f"`{results}` should hold a sweep's results, with a file sweep.json. Found none. Check the path, or launch the "
        "sweep with `mtlray run SWEEP`, which writes that file and keeps finished trials."
    )


def _expected(trials: Sequence[Mapping[str, Any]], where: str) -> pd.DataFrame:
    """The planned trials as a frame. Raises ResultsError for missing keys and for trials that cannot be told apart."""
    rows: dict[str, tuple[Any, ...]] = {}
    seen: dict[tuple[Any, ...], str] = {}
    needed = set(TRIAL_KEYS)
    nothing: dict[str, Any] = {}
    kept: dict[Any, Any] = {}
    of_tasks: dict[tuple[str, ...], list[str]] = {}
    for trial in trials:
        if not needed <= trial.keys():
            missing = [key for key in TRIAL_KEYS if key not in trial]
            raise ResultsError(
                f"Each trial in {where} should have the keys {', '.join(TRIAL_KEYS)}. "
                f"Found one without {', '.join(missing)}. Launch the sweep again to write it anew."
            )
        trial_id, dataset, strategy, fraction, seed, tasks = map(trial.__getitem__, TRIAL_KEYS)
        if trial_id in rows:
            continue
        # Of a large sweep's texts, few are different: each is kept once.
        dataset, strategy = kept.setdefault(dataset, dataset), kept.setdefault(strategy, strategy)
        setting = [kept.setdefault(value, value) for value in map(trial.get, SETTING_KEYS)]
        tasks = of_tasks.setdefault(tuple(tasks), list(tasks))
        axes, fields = trial.get("axes") or nothing, trial.get("fields")
        # Two trials that differ in something else would be averaged as if they were two seeds.
        cell = (*configuration(trial), seed)
        if cell in seen:
            raise ResultsError(
                f"Trials {seen[cell]} and {trial_id} should differ in data set, strategy, fraction, seed, optimizer or an axis "
                f"of the sweep. Both are {dataset}, {strategy}, {shortest(float(fraction))}, {seed}. Put them into separate "
                "sweeps."
            )
        seen[cell] = trial_id
        rows[trial_id] = (trial_id, dataset, strategy, float(fraction), seed, tasks, *setting, axes, fields)
    return pd.DataFrame(list(rows.values()), columns=[*TRIAL_KEYS, *SETTING_KEYS, "axes", "fields"])


def _label(expected: pd.DataFrame, summary: pd.DataFrame) -> None:
    """Take the labels of finished trials from their rows."""
    # A dict, because pandas takes ten times as long to find the rows of a hundred thousand trials.
    first = summary[list(_LABELS)].drop_duplicates("trial_id")
    row_of = {trial: row for row, trial in enumerate(first["trial_id"].tolist())}
    rows = [row_of.get(trial) for trial in expected["trial_id"].tolist()]
    for column in _LABELS[1:]:
        known, said = first[column].tolist(), first[column].notna().tolist()
        planned = expected[column].tolist()
        labels = [
            known[row] if row is not None and said[row] else label for label, row in zip(planned, rows, strict=True)
        ]
        if labels != planned:
            expected[column] = list(map(int, labels)) if column == "seed" else labels


def _refuse_mixtures(expected: pd.DataFrame, summary: pd.DataFrame, where: str) -> None:
    """Raise ResultsError where trials that differ in the seed alone were made by different versions of a component."""
    rows = summary[["trial_id", *_VERSIONS]].drop_duplicates("trial_id")
    every = list(zip(*(rows[column].tolist() for column in _VERSIONS), strict=True))
    parsed = {pair: _versions(*pair) for pair in dict.fromkeys(every)}  # few texts, in many rows
    made_by = [parsed[pair] for pair in every]
    if len(set(made_by)) <= 1:
        return
    entries = expected.copy()
    entries["configuration"] = pd.Series(
        [repr(configuration(entry)) for entry in _entries(expected)], index=expected.index
    )
    cells = entries.merge(pd.DataFrame({"trial_id": rows["trial_id"], "made_by": made_by}), on="trial_id")
    for _, found in cells.groupby("configuration", dropna=False, sort=False):
        if found["made_by"].nunique() > 1:
            dataset, strategy, fraction = (found[name].iloc[0] for name in ("dataset", "strategy", "fraction"))
            raise ResultsError(
                f"Trials that a mean is taken over should be made by one version of the code. In {where}, those of {strategy} on "
                f"{dataset} at {per_cent(fraction)} % are of {' and '.join(map(_made_by, found['made_by'].unique()))}. "
                "Launch the sweep again, which runs what is of an earlier version, or leave that strategy out with --strategies."
            )


def _versions(version: float, components: Any) -> tuple[Any, ...]:
    """The version of the results, and those above the first of what made them."""
    known = json.loads(components) if isinstance(components, str) else {}
    return (int(version), *sorted(item for item in known.items() if item[1] > 1))


def _entries(expected: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(expected.columns, row, strict=True)) for row in expected.itertuples(index=False)]


def _made_by(version: tuple[Any, ...]) -> str:
    """`results_version 5, strategy 2`."""
    return ", ".join([f"results_version {version[0]}", *(f"{name} {number}" for name, number in version[1:])])
