"""Tuning: of the configurations that a strategy ran with, the one that represents it, chosen on the validation split.

Averaging over them would be meaningless, and choosing on the test split would favour the strategy with most. So a table shows
each strategy at one configuration ("best"), or each configuration in a row of its own ("all"). A configuration is an optimizer
with its settings and a learning rate.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from mtlray.analysis.grid.configurations import Setting, edges, labels, words
from mtlray.analysis.grid.load import Rates, Results
from mtlray.analysis.grid.places import IN_ROWS, Place
from mtlray.analysis.grid.several import together
from mtlray.errors import ResultsError, unknown_name
from mtlray.results.states import TrialState
from mtlray.words.values import per_cent

RATES = ("best", "all")

_Trial = tuple[str, Setting | None, int]  # its id, setting and seed; no setting is known of sweeps described long ago
# Of a done trial: its id, task, metric, whether higher is better, best_val, and the trial's joint validation score.
_Row = tuple[str, str, str, bool, float, float]
_Group = tuple[str, str, Place]  # data set, strategy, and place of the column
_Groups = dict[_Group, list[_Trial]]


def tuned(results: Results, rates: str | None = None) -> Results:
    """The same results with one configuration for each data set, strategy and fraction, or with a row for each.

    "best" keeps, of a strategy's configurations on one data set and fraction, the one with the best mean over seeds of the joint
    validation score. Where a finished trial has no such score, it is the one with the smallest validation gap: for each task and
    metric, the mean over seeds of `best_val` is compared with the best such mean of all, as a share of it; the gap is the mean of
    these shares over a task's metrics, then over tasks. Only configurations all of whose trials are done compete, unless there is
    none; of equals the first in the sweep's order wins. The others' trials are removed. Where the sweep names `tuning_seeds`,
    these alone choose, and they are in no mean.

    "all" keeps all trials, and names the configuration in the strategy's name. None means "best", or "all" where no finished
    trial has a validation value. Without several configurations the results stay as they are.

    Raises SpecError for another rule, and ResultsError under "best" where there is no validation value to choose on.
    """
    if rates is not None and rates not in RATES:
        raise unknown_name("rule for learning rates", rates, RATES)
    if results.parts:  # each sweep chooses for itself
        return together([tuned(part, rates) for part in results.parts])
    groups = _groups(results.expected)
    settings = {key: _settings(group) for key, group in groups.items()}
    if all(len(found) < 2 for found in settings.values()):
        chosen = {key: found[0] for key, found in settings.items() if found}
        return dataclasses.replace(results, rates=Rates(chosen=chosen, labels=_labels(results, chosen)))
    done = results.summary[(results.summary["state"] == TrialState.DONE) & results.summary["metric"].notna()]
    blind = len(done) > 0 and not done["best_val"].notna().any()
    if rates == "best" and blind:
        raise ResultsError(
            "A learning rate is chosen on the validation split. The finished trials have no validation value. Hold examples out "
            "with `val_digits=...`, or show every rate with --rates all."
        )
    return _all(results, settings, blind) if rates == "all" or blind else _best(results, groups, settings, done)


def validation_scores(
    rows: Iterable[_Row], settings: Iterable[Setting], setting_of: Mapping[str, Setting]
) -> dict[Setting, float] | None:
    """The mean over seeds of each setting's joint validation score, from the rows of its done trials; None where one has none."""
    scores: dict[Setting, dict[str, float]] = {setting: {} for setting in settings}
    for trial, *_, score in rows:
        scores[setting_of[trial]][trial] = score
    means = {setting: _mean(list(of_trials.values())) for setting, of_trials in scores.items()}
    return None if any(map(math.isnan, means.values())) else means


def validation_gaps(
    rows: Iterable[_Row], settings: Iterable[Setting], setting_of: Mapping[str, Setting]
) -> dict[Setting, float]:
    """The gap of each setting, from the rows of its done trials; nan where a task and metric has no value."""
    values: dict[tuple[str, str], dict[Setting, list[float]]] = {}
    signs: dict[tuple[str, str], float] = {}
    for trial, task, metric, up, value, _ in rows:
        signs.setdefault((task, metric), 1.0 if up else -1.0)
        of_setting = values.setdefault((task, metric), {})
        if not math.isnan(value):
            of_setting.setdefault(setting_of[trial], []).append(value)
    gaps: dict[Setting, dict[str, list[float]]] = {setting: {} for setting in settings}
    for (task, metric), of_setting in values.items():
        sign = signs[task, metric]
        means = {setting: sign * _mean(of_setting.get(setting, [])) for setting in gaps}
        best = max((mean for mean in means.values() if math.isfinite(mean)), default=math.nan)
        for setting, mean in means.items():
            share = (best - mean) / abs(best) if best != mean and best != 0 else abs(best - mean)
            gaps[setting].setdefault(task, []).append(share)
    per_task = {setting: [sum(g) / len(g) for g in of_task.values()] for setting, of_task in gaps.items()}
    return {setting: sum(values) / len(values) if values else math.nan for setting, values in per_task.items()}


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values and all(map(math.isfinite, values)) else math.nan


def _groups(expected: pd.DataFrame) -> _Groups:
    groups: _Groups = {}
    names = ("dataset", "strategy", "fraction", "across", "trial_id", "seed", "optimizer", "learning_rate")
    unknown = (expected["optimizer"].isna() | expected["learning_rate"].isna()).tolist()
    columns = (expected[name].tolist() for name in names)
    for dataset, strategy, fraction, across, trial, seed, optimizer, rate, none in zip(*columns, unknown, strict=True):
        setting = None if none else (str(optimizer), float(rate))
        groups.setdefault((dataset, strategy, Place(fraction, across)), []).append((trial, setting, seed))
    return groups


def _settings(group: list[_Trial]) -> list[Setting]:
    """The settings of some trials, in the sweep's order."""
    return list(dict.fromkeys(setting for _, setting, _ in group if setting is not None))


def _best(results: Results, groups: _Groups, settings: dict[_Group, list[Setting]], done: pd.DataFrame) -> Results:
    apart = set(results.sweep.get("tuning_seeds") or ())
    chosen: dict[_Group, Setting] = {}
    kept: list[str] = []
    waiting: dict[str, int] = {}
    jointly: list[bool] = []
    finished = set(results.summary["trial_id"].tolist())
    rows_of: dict[str, list[_Row]] = {}
    names = ("trial_id", "task", "metric", "higher_is_better", "best_val", "joint_val_score")
    for row in zip(*(done[name].tolist() for name in names), strict=True):
        rows_of.setdefault(row[0], []).append(row)
    for key, group in groups.items():
        reported = [(trial, setting) for trial, setting, seed in group if seed not in apart]
        if len(settings[key]) < 2:
            kept += [trial for trial, _ in reported]
            if settings[key]:
                chosen[key] = settings[key][0]
            continue
        choosing = {t: setting for t, setting, seed in group if setting is not None and (not apart or seed in apart)}
        chosen[key], by_score = _winner(rows_of, settings[key], choosing)
        jointly.append(by_score)
        kept += [trial for trial, setting in reported if setting == chosen[key]]
        waiting[key[0]] = waiting.get(key[0], 0) + sum(trial not in finished for trial in choosing)
    named = _labels(results, chosen) or {key[:2]: words(chosen[key], settings[key]) for key in chosen}
    rates = Rates(
        rule="best",
        description=_description([len(found) for found in settings.values()], jointly, apart),
        chosen=chosen,
        labels=named,
        tried={key: len(found) for key, found in settings.items()},
        notes={d: _notes(d, settings, chosen, waiting.get(d, 0)) for d in dict.fromkeys(key[0] for key in groups)},
    )
    keep = set(kept)
    return dataclasses.replace(
        results,
        expected=results.expected[results.expected["trial_id"].isin(keep)].reset_index(drop=True),
        summary=results.summary[results.summary["trial_id"].isin(keep)].reset_index(drop=True),
        rates=rates,
        untuned=results,
    )


def _description(counts: Sequence[int], jointly: Sequence[bool], apart: set[int]) -> str:
    """How the rows' configurations were chosen, and on which seeds."""
    tried = f"{max(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    by = "best mean validation score" if all(jointly) else "smallest gap to the best on the validation split"
    if jointly and any(jointly) and not all(jointly):
        by = "best mean validation score, or the smallest gap to the best where a trial has no such score"
    seeds = f"chosen on seeds {', '.join(map(str, sorted(apart)))}, which are in no mean" if apart else ""
    return (
        f"of {tried} configurations a row and fraction, the one with the {by}; "
        f"{seeds or 'chosen on the seeds that are reported, which flatters rows with more of them'}"
    )


def _notes(
    dataset: str, settings: Mapping[_Group, list[Setting]], chosen: Mapping[_Group, Setting], waiting: int
) -> tuple[str, ...]:
    """What to know of the choice: unequal numbers tried, choices at the edge, and trials that are still to come."""
    here = {key: found for key, found in settings.items() if key[0] == dataset}
    notes = []
    tried: dict[int, dict[str, None]] = {}
    for (_, strategy, _), found in here.items():
        tried.setdefault(len(found), {})[strategy] = None
    if len(tried) > 1:
        listing = "; ".join(f"{count}: {', '.join(names)}" for count, names in sorted(tried.items(), reverse=True))
        notes.append(f"Configurations tried, a row and fraction: {listing}. More of them find more by chance.")
    at_edge = [
        f"{strategy} at {_words(place)} ({edge})"
        for (_, strategy, place), found in here.items()
        for edge in edges(chosen[dataset, strategy, place], found)
    ]
    if at_edge:
        notes.append(
            f"Chosen at the edge of what was tried, beyond which a better value may lie: {', '.join(at_edge)}."
        )
    if waiting:
        notes.append(
            f"The choice of learning rates is not final: {waiting} of the trials to choose from have no result yet."
        )
    return tuple(notes)


def _words(place: Place) -> str:
    """A column in words."""
    share = [] if place.fraction == IN_ROWS else [f"{per_cent(place.fraction)} %"]
    return ", ".join([*([place.across] if place.across else []), *share]) or "all columns"


def _labels(results: Results, chosen: Mapping[_Group, Setting]) -> dict[tuple[str, str], str]:
    """The chosen settings in words, without what the labels of rows and columns say."""
    placed = results.placed
    shown = [name for name in (*placed.rows, *placed.columns) if name.partition(".")[0] == "optimizer"]
    if shown:
        told: dict[tuple[str, ...], set[Setting]] = {}
        for (_, strategy, place), setting in chosen.items():
            own = {**placed.of_row.get(strategy, {}), **placed.of_column.get(place.across, {})}
            told.setdefault(tuple(str(own.get(name)) for name in shown), set()).add(setting)
        if all(len(settings) == 1 for settings in told.values()):
            return {}
    return labels(chosen, {name.rpartition(".")[2] for name in shown})


def _winner(
    rows_of: Mapping[str, list[_Row]], settings: list[Setting], setting_of: Mapping[str, Setting]
) -> tuple[Setting, bool]:
    """The setting that is chosen, and whether the joint score chose it."""
    planned = Counter(setting_of.values())
    counts = Counter(setting for trial, setting in setting_of.items() if trial in rows_of)
    whole = [setting for setting in settings if counts[setting] == planned[setting] > 0]
    most = max(counts[setting] for setting in settings)
    competing = whole or [setting for setting in settings if counts[setting] == most]
    rows = [row for trial, setting in setting_of.items() if setting in competing for row in rows_of.get(trial, ())]
    scores = validation_scores(rows, competing, setting_of)
    if scores is not None:
        return max(competing, key=lambda setting: scores[setting]), True
    gaps = validation_gaps(rows, competing, setting_of)
    return min(competing, key=lambda setting: gaps[setting] if math.isfinite(gaps[setting]) else math.inf), False


def _all(results: Results, settings: dict[_Group, list[Setting]], blind: bool) -> Results:
    expected = results.expected.copy()
    several = {key[:2] for key, found in settings.items() if len(found) > 1}
    every = list(dict.fromkeys(setting for found in settings.values() for setting in found))
    columns = ("dataset", "strategy", "optimizer", "learning_rate")
    expected["strategy"] = [
        f"{strategy} {words((optimizer, rate), every)}" if (dataset, strategy) in several else strategy
        for dataset, strategy, optimizer, rate in zip(*(expected[name] for name in columns), strict=True)
    ]
    keys = zip(
        *(expected[name] for name in ("dataset", "strategy", "fraction", "across", "optimizer", "learning_rate")),
        strict=True,
    )
    chosen = {
        (d, s, Place(float(f), a)): (str(o), float(r)) for d, s, f, a, o, r in keys if o is not None and not pd.isna(r)
    }
    reason = "there is no validation split to choose on; " if blind else ""
    rates = Rates(rule="all", description=f"{reason}each configuration has a row of its own", chosen=chosen)
    return dataclasses.replace(results, expected=expected, rates=rates, untuned=results)
