"""Tuning: of the learning rates that a strategy ran with, the one that represents it, chosen on the validation split.

Averaging over rates would be meaningless, and choosing on the test split would favour the strategy with most rates. So a
table shows each strategy at one rate ("best"), or each rate in a row of its own ("all").
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd

from mtlray.analysis.grid.load import Rates, Results
from mtlray.errors import ResultsError, unknown_name
from mtlray.results.states import TrialState
from mtlray.words.values import shortest

RATES = ("best", "all")

_Setting = tuple[str, float]  # optimizer, learning rate
_Trial = tuple[str, _Setting | None]  # its id; no setting is known of sweeps described before they were recorded
_Row = tuple[str, str, str, bool, float]  # of a done trial: its id, task, metric, whether higher is better, best_val
_Groups = dict[tuple[str, str, float], list[_Trial]]  # by data set, strategy and fraction


def tuned(results: Results, rates: str | None = None) -> Results:
    """The same results with one learning rate for each data set, strategy and fraction, or with a row for each rate.

    "best" keeps, of a strategy's rates on one data set and fraction, the one with the smallest validation gap: for each task
    and metric, the mean over seeds of `best_val` is compared with the best such mean of all the rates, as a share of it; the
    gap is the mean of these shares over a task's metrics, then over tasks. Only rates all of whose trials are done compete,
    unless there is none; of equals the first in the sweep's order wins. The other rates' trials are removed.

    "all" keeps all trials, and names the rate in the strategy's name. None means "best", or "all" where no finished trial has
    a validation value. Without several rates the results stay as they are.

    Raises SpecError for another rule, and ResultsError under "best" where there is no validation value to choose on.
    """
    if rates is not None and rates not in RATES:
        raise unknown_name("rule for learning rates", rates, RATES)
    groups = _groups(results.expected)
    settings = {key: _settings(group) for key, group in groups.items()}
    several = {key for key, found in settings.items() if len(found) > 1}
    if not several:
        return dataclasses.replace(results, rates=_single(settings))
    done = results.summary[(results.summary["state"] == TrialState.DONE) & results.summary["metric"].notna()]
    blind = len(done) > 0 and not done["best_val"].notna().any()
    if rates == "best" and blind:
        raise ResultsError(
            "A learning rate is chosen on the validation split. The finished trials have no validation value. Hold examples out "
            "with `val_digits=...`, or show every rate with --rates all."
        )
    return _all(results, settings, blind) if rates == "all" or blind else _best(results, groups, settings, done)


def validation_gaps(
    rows: Iterable[_Row], settings: Iterable[_Setting], setting_of: Mapping[str, _Setting]
) -> dict[_Setting, float]:
    """The gap of each setting, from the rows of its done trials; nan where a task and metric has no value."""
    values: dict[tuple[str, str], dict[_Setting, list[float]]] = {}
    signs: dict[tuple[str, str], float] = {}
    for trial, task, metric, up, value in rows:
        signs.setdefault((task, metric), 1.0 if up else -1.0)
        of_setting = values.setdefault((task, metric), {})
        if not math.isnan(value):
            of_setting.setdefault(setting_of[trial], []).append(value)
    gaps: dict[_Setting, dict[str, list[float]]] = {setting: {} for setting in settings}
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
    names = ("dataset", "strategy", "fraction", "trial_id", "optimizer", "learning_rate")
    unknown = (expected["optimizer"].isna() | expected["learning_rate"].isna()).tolist()
    columns = (expected[name].tolist() for name in names)
    for dataset, strategy, fraction, trial, optimizer, rate, none in zip(*columns, unknown, strict=True):
        setting = None if none else (str(optimizer), float(rate))
        groups.setdefault((dataset, strategy, fraction), []).append((trial, setting))
    return groups


def _settings(group: list[_Trial]) -> list[_Setting]:
    """The settings of some trials, in the sweep's order."""
    return list(dict.fromkeys(setting for _, setting in group if setting is not None))


def _single(settings: dict[tuple[str, str, float], list[_Setting]]) -> Rates:
    chosen = {key: found[0] for key, found in settings.items() if found}
    return Rates(chosen=chosen, labels=_labels(chosen))


def _labels(chosen: dict[tuple[str, str, float], _Setting]) -> dict[tuple[str, str], str]:
    """The chosen settings of each row in words, where the rows of its data set differ; by fraction where these differ."""
    labels: dict[tuple[str, str], str] = {}
    for dataset in dict.fromkeys(key[0] for key in chosen):
        here = {key[1:]: setting for key, setting in chosen.items() if key[0] == dataset}
        if len(set(here.values())) < 2:
            continue
        named = len({optimizer for optimizer, _ in here.values()}) > 1
        for strategy in dict.fromkeys(strategy for strategy, _ in here):
            own = [here[key] for key in sorted(here, key=lambda key: -key[1]) if key[0] == strategy]
            words = [f"{optimizer} {shortest(rate)}" if named else shortest(rate) for optimizer, rate in own]
            labels[dataset, strategy] = "lr " + ("/".join(words) if len(set(words)) > 1 else words[0])
    return labels


def _best(
    results: Results,
    groups: _Groups,
    settings: dict[tuple[str, str, float], list[_Setting]],
    done: pd.DataFrame,
) -> Results:
    chosen: dict[tuple[str, str, float], _Setting] = {}
    kept: list[str] = []
    waiting: dict[str, int] = {}
    finished = set(results.summary["trial_id"].tolist())
    rows_of: dict[str, list[_Row]] = {}
    names = ("trial_id", "task", "metric", "higher_is_better", "best_val")
    for row in zip(*(done[name].tolist() for name in names), strict=True):
        rows_of.setdefault(row[0], []).append(row)
    for key, group in groups.items():
        if len(settings[key]) < 2:
            kept += [trial for trial, _ in group]
            if settings[key]:
                chosen[key] = settings[key][0]
            continue
        setting_of = {trial: setting for trial, setting in group if setting is not None}
        chosen[key] = _winner(rows_of, settings[key], setting_of)
        kept += [trial for trial, setting in setting_of.items() if setting == chosen[key]]
        waiting[key[0]] = waiting.get(key[0], 0) + sum(trial not in finished for trial in setting_of)
    notes = {
        dataset: (
            f"The choice of learning rates is not final: {count} of the trials to choose from have no result yet.",
        )
        for dataset, count in waiting.items()
        if count
    }
    count = max(map(len, settings.values()))
    rates = Rates(
        rule="best",
        description=f"of up to {count} learning rates a row and fraction, the one with the smallest gap to the best on "
        "the validation split",
        chosen=chosen,
        labels=_labels(chosen) or {(d, s): f"lr {shortest(rate)}" for (d, s, _), (_, rate) in chosen.items()},
        notes=notes,
    )
    keep = set(kept)
    return dataclasses.replace(
        results,
        expected=results.expected[results.expected["trial_id"].isin(keep)].reset_index(drop=True),
        summary=results.summary[results.summary["trial_id"].isin(keep)].reset_index(drop=True),
        rates=rates,
    )


def _winner(
    rows_of: Mapping[str, list[_Row]], settings: list[_Setting], setting_of: Mapping[str, _Setting]
) -> _Setting:
    planned = Counter(setting_of.values())
    counts = Counter(setting for trial, setting in setting_of.items() if trial in rows_of)
    whole = [setting for setting in settings if counts[setting] == planned[setting]]
    most = max(counts[setting] for setting in settings)
    competing = whole or [setting for setting in settings if counts[setting] == most]
    rows = [row for trial, setting in setting_of.items() if setting in competing for row in rows_of.get(trial, ())]
    gaps = validation_gaps(rows, competing, setting_of)
    return min(competing, key=lambda setting: gaps[setting] if math.isfinite(gaps[setting]) else math.inf)


def _all(results: Results, settings: dict[tuple[str, str, float], list[_Setting]], blind: bool) -> Results:
    expected = results.expected.copy()
    several = {key[:2] for key, found in settings.items() if len(found) > 1}
    named = len({optimizer for found in settings.values() for optimizer, _ in found}) > 1
    columns = ("dataset", "strategy", "optimizer", "learning_rate")
    expected["strategy"] = [
        f"{strategy} lr {optimizer + ' ' if named else ''}{shortest(rate)}"
        if (dataset, strategy) in several
        else strategy
        for dataset, strategy, optimizer, rate in zip(*(expected[name] for name in columns), strict=True)
    ]
    keys = zip(
        *(expected[name] for name in ("dataset", "strategy", "fraction", "optimizer", "learning_rate")), strict=True
    )
    chosen = {(d, s, float(f)): (str(o), float(r)) for d, s, f, o, r in keys if o is not None and not pd.isna(r)}
    reason = "there is no validation split to choose on; " if blind else ""
    rates = Rates(rule="all", description=f"{reason}each learning rate has a row of its own", chosen=chosen)
    return dataclasses.replace(results, expected=expected, rates=rates)
