"""How far readings of Table 2 of Gong et al. 2019 behave as the paper's text says, and which one the stated rule chooses.

python benchmarks/paper/agreement.py RESULTS/gong2019_table2_readings [--select mean_last_10]

A reading is a data set of the sweep with its trials. The statements and the rule are those of docs/paper.md, "The readings of
Table 2"; they were written down before any of these trials was run.
"""

import argparse
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtlray.analysis import load
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.selection import rule

SINGLE, EQUAL, DWA, UNCERTAINTY, REVISED = "stl", "equal", "dwa", "uncertainty", "revised_uncertainty"
GAINS = {1.0: 0.65, 0.25: 0.95, 0.1: 1.10}  # of revised uncertainty over single-task, in points, by fraction
NEAR = 0.3  # points
UNSTABLE = 2.0  # times the fluctuation of single-task learning
_ACCURACY = "test/left/accuracy"

Cells = Mapping[tuple[str, float], Mapping[int, float]]
"""A number of each seed, by the strategy's key and the fraction."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading: its name, the left accuracy of its trials in per cent, and the fluctuation of each in points.

    A trial that diverged has an accuracy of -inf and a fluctuation of inf. `shows_both` says whether the target is the whole
    picture, where the text speaks of one digit. `finished` is False while planned trials have no result.
    """

    name: str
    accuracy: Cells
    fluctuation: Cells
    shows_both: bool
    finished: bool

    def mean(self, key: str, fraction: float) -> float:
        """The mean over the seeds; NaN where there is none."""
        return _mean(self.accuracy.get((key, fraction), {}).values())

    def gain(self, key: str, fraction: float) -> float:
        """The mean difference to single-task learning over the seeds that both have, in points; NaN where there is none."""
        own, base = (self.accuracy.get((k, fraction), {}) for k in (key, SINGLE))
        return _mean([own[seed] - base[seed] for seed in own.keys() & base.keys() if math.isfinite(base[seed])])

    def restlessness(self, key: str, fraction: float) -> float:
        """The fluctuation beside that of single-task learning, as a ratio; NaN where one is unknown."""
        own, base = (_mean(self.fluctuation.get((k, fraction), {}).values()) for k in (key, SINGLE))
        return own / base if base > 0 and math.isfinite(base) else math.nan

    def miss(self) -> float:
        """By how many points the gains of revised uncertainty miss the paper's, summed over the fractions that were run."""
        misses = [abs(self.gain(REVISED, fraction) - gain) for fraction, gain in GAINS.items()]
        return sum(miss for miss in misses if not math.isnan(miss))


@dataclass(frozen=True)
class Statement:
    """Something that the paper's text says. `holds` is None where the trials that it is about have no numbers."""

    fraction: str
    words: str
    holds: Callable[[Reading], bool | None]


def _above(key: str, other: str, fraction: float) -> Callable[[Reading], bool | None]:
    return lambda r: _compare(r.mean(key, fraction), r.mean(other, fraction))


def _best(fraction: float) -> Callable[[Reading], bool | None]:
    """Whether revised uncertainty is above every other row that was run."""

    def holds(reading: Reading) -> bool | None:
        rows = [reading.mean(key, fraction) for key in (SINGLE, EQUAL, DWA, UNCERTAINTY)]
        known = [row for row in rows if not math.isnan(row)]
        return _compare(reading.mean(REVISED, fraction), max(known, default=math.nan))

    return holds


def _near(fraction: float) -> Callable[[Reading], bool | None]:
    def holds(reading: Reading) -> bool | None:
        gain = reading.gain(REVISED, fraction)
        return None if math.isnan(gain) else abs(gain - GAINS[fraction]) <= NEAR

    return holds


def _unstable(reading: Reading) -> bool | None:
    ratios = [reading.restlessness(key, 0.1) for key in (UNCERTAINTY, REVISED)]
    return None if any(map(math.isnan, ratios)) else all(ratio >= UNSTABLE for ratio in ratios)


def _grows(reading: Reading) -> bool | None:
    return _compare(reading.gain(REVISED, 0.1), reading.gain(REVISED, 1.0))


STATEMENTS = (
    Statement("100 %", "revised uncertainty is the best row", _best(1.0)),
    Statement("100 %", "equal is above single-task", _above(EQUAL, SINGLE, 1.0)),
    Statement("100 %", "uncertainty is above single-task", _above(UNCERTAINTY, SINGLE, 1.0)),
    Statement("100 %", "DWA is below single-task", _above(SINGLE, DWA, 1.0)),
    Statement("100 %", "revised uncertainty gains 0.65 ± 0.3", _near(1.0)),
    Statement("25 %", "revised uncertainty is the best row", _best(0.25)),
    Statement("25 %", "revised uncertainty gains 0.95 ± 0.3", _near(0.25)),
    Statement("10 %", "equal is above single-task", _above(EQUAL, SINGLE, 0.1)),
    Statement("10 %", "uncertainty is above equal", _above(UNCERTAINTY, EQUAL, 0.1)),
    Statement("10 %", "revised uncertainty is the best row", _best(0.1)),
    Statement("10 %", "revised uncertainty gains 1.10 ± 0.3", _near(0.1)),
    Statement("10 %", "both uncertainty weightings are unstable", _unstable),
    Statement("100 to 10 %", "the gain of revised uncertainty grows", _grows),
)


def met(reading: Reading) -> tuple[int, int]:
    """How many statements hold, and how many could be asked."""
    answers = [statement.holds(reading) for statement in STATEMENTS]
    return answers.count(True), len(answers) - answers.count(None)


def choose(readings: Sequence[Reading]) -> Reading | None:
    """The reading that the rule of docs/paper.md chooses; None where the best of them meets less than half of the statements.

    Those within one statement of the best are tied. Of them a target that is one digit goes before the whole picture, then the
    smaller `miss`, then the order of the sweep. Only readings whose trials are all finished take part.
    """
    ranked = [(reading, *met(reading)) for reading in readings if reading.finished]
    best = max((holding for _, holding, _ in ranked), default=0)
    asked = max((n for _, _, n in ranked), default=0)
    if not asked or 2 * best < asked:
        return None
    tied = [reading for reading, holding, _ in ranked if holding >= best - 1]
    return min(tied, key=lambda reading: (reading.shows_both, reading.miss()))


def readings_of(results: Results, select: str) -> list[Reading]:
    """The readings of a sweep in its order. Single-task trials of one data set serve all of them: no reading changes them.

    Raises SpecError for an unknown rule.
    """
    column = rule(select).column
    left = results.summary[results.summary["task"] == "left"].set_index("trial_id")
    states, values = left["state"].to_dict(), left[column].to_dict()
    fluctuation = _fluctuations(results)
    numbers: dict[str, tuple[dict[Any, Any], dict[Any, Any]]] = {dataset: ({}, {}) for dataset in results.datasets}
    waiting = set[str]()
    for trial in results.expected.to_dict("records"):
        trial_id, where = trial["trial_id"], (trial["strategy"].partition("(")[0].partition(":")[0], trial["fraction"])
        accuracies, fluctuations = numbers[trial["dataset"]]
        if states.get(trial_id) == "diverged":
            accuracies.setdefault(where, {})[trial["seed"]] = -math.inf
            fluctuations.setdefault(where, {})[trial["seed"]] = math.inf
        elif states.get(trial_id) == "done" and not math.isnan(values[trial_id]):
            accuracies.setdefault(where, {})[trial["seed"]] = values[trial_id]
            if trial_id in fluctuation:
                fluctuations.setdefault(where, {})[trial["seed"]] = fluctuation[trial_id]
        else:
            waiting.add(trial["dataset"] if where[0] != SINGLE else "")
    single = [{w: cell for cells in numbers.values() for w, cell in cells[i].items() if w[0] == SINGLE} for i in (0, 1)]
    return [
        Reading(
            name=_name(dataset, results),
            accuracy=single[0] | accuracies,
            fluctuation=single[1] | fluctuations,
            shows_both="picture" in dataset.split("-"),
            finished=not waiting & {dataset, ""},
        )
        for dataset, (accuracies, fluctuations) in numbers.items()
    ]


def render(readings: Sequence[Reading], select: str) -> str:
    """The readings and what each meets, as Markdown."""
    lines = [
        f"Left accuracy under the rule {select}; gains are over single-task learning, in points. "
        "+ holds, − does not hold, empty: not asked or not finished.",
        "",
        f"| statement | {' | '.join(f'`{reading.name}`' for reading in readings)} |",
        "|---|" + "---|" * len(readings),
    ]
    marks = {True: "+", False: "−", None: ""}
    for statement in STATEMENTS:
        found = (marks[statement.holds(reading)] for reading in readings)
        lines.append(f"| {statement.fraction}: {statement.words} | {' | '.join(found)} |")
    lines.append("| **statements that hold** | " + " | ".join("{} of {}".format(*met(r)) for r in readings) + " |")
    for fraction in GAINS:
        gains = [f"{r.gain(REVISED, fraction):+.2f}".replace("-", "−").replace("+nan", "") for r in readings]
        if any(gains):
            lines.append(f"| gain of revised uncertainty at {100 * fraction:g} % | {' | '.join(gains)} |")
    chosen, done = choose(readings), sum(reading.finished for reading in readings)
    lines += ["", f"{done} of {len(readings)} readings are finished. "]
    if chosen is not None:
        lines[-1] += f"Chosen by the rule: `{chosen.name}`."
    elif done:
        lines[-1] += "The best of them meets less than half of the statements, so none is chosen."
    return "\n".join(line.rstrip() for line in lines)


def _fluctuations(results: Results) -> dict[str, float]:
    """The standard deviation of each trial's left accuracy over its last ten evaluations, in points."""
    found: dict[str, float] = {}
    for dataset in results.datasets:
        curves = results.curves(dataset)
        if len(curves) and _ACCURACY in curves:
            for trial_id, rows in curves.sort_values("step").groupby("trial_id"):
                last = rows[_ACCURACY].tail(10)
                found[str(trial_id)] = float(last.std()) if last.notna().all() and len(last) > 1 else math.inf
    return found


def _name(dataset: str, results: Results) -> str:
    """What tells a reading from the others: target and scale, decoder, start and learning rate of the uncertainties."""
    own = results.summary[results.summary["dataset"] == dataset]
    rows = results.expected[results.expected["dataset"] == dataset]
    learned = rows[rows["strategy"].str.startswith(UNCERTAINTY)]
    parts = [dataset.removeprefix("multi_mnist-left-reconstruct").strip("-") or "mean"]
    parts += ["linear"] if own["model"].astype(str).str.endswith("-linear").any() else []
    for strategy, optimizer in learned[["strategy", "optimizer"]].drop_duplicates().itertuples(index=False):
        parts += [setting for setting in strategy.removeprefix(UNCERTAINTY).strip("()").split(",") if setting]
        parts += [
            word for word in str(optimizer).strip(")").partition("(")[2].split(",") if word.startswith("strategy_lr")
        ]
    return ", ".join(parts)


def _compare(one: float, other: float) -> bool | None:
    return None if math.isnan(one) or math.isnan(other) else one > other


def _mean(given: Iterable[float]) -> float:
    values = list(given)
    return statistics.fmean(values) if values else math.nan


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("results", help="the folder of the sweep")
    options.add_argument("--select", default="mean_last_10", help="the selection rule")
    chosen = options.parse_args()
    print(render(readings_of(load(chosen.results), chosen.select), chosen.select))


if __name__ == "__main__":
    main()
