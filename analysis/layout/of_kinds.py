"""Listings: the rows of the leaderboard, the comparison, the costs and the price of selection, laid out as words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mtlray.analysis.grid.cells import SINGLE_TASK, Column, Grid
from mtlray.analysis.grid.digits import digits_of_measures
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.places import Place
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.analysis.kinds.chance import ALPHA
from mtlray.analysis.kinds.comparison import MANY, Family, verdict
from mtlray.analysis.kinds.leaderboard import too_near_zero
from mtlray.analysis.layout import captions
from mtlray.analysis.layout.listing import INTERVAL, Listing, Section, count, interval, number, probability
from mtlray.analysis.layout.seeds import few_seeds, lost_seeds, other_seeds

_Row = Mapping[str, Any]


def comparison_listing(
    results: Results,
    selected: SelectionRule,
    grid: Grid,
    scores: Scores,
    rows: Sequence[_Row],
    baseline: str,
    family: Family,
) -> Listing:
    """A section for each task, metric and fraction; a row for each strategy beside the baseline."""
    sections = []
    by_column, digits_of = _by_column(rows), digits_of_measures(grid)
    for column in scores.columns:
        own = by_column.get((column.place, column.measure.task, column.measure.metric), [])
        digits = digits_of[column.measure]
        beside = scores.baselines.get(column, baseline) if baseline == SINGLE_TASK else baseline
        words = tuple(
            (
                captions.label(results, grid, row["strategy"]),
                count(row["n"], row["expected"]),
                number(row["difference"], digits, signed=True),
                interval(row["ci_low"], row["ci_high"], digits),
                verdict(row),
                number(row["effect_size"], 2, signed=True),
                number(row["probability_of_improvement"], 2),
                probability(row["p_t_holm"]),
                probability(row["p_wilcoxon_holm"]),
            )
            for row in own
        )
        if words:
            found = f"; finds {number(family.smallest[column], digits)}" if column in family.smallest else ""
            sections.append(Section(heading=f"{_heading(column)}, beside {beside}{found}", rows=words))
    return Listing(
        title=captions.title(results),
        head=(
            *captions.data(results, grid),
            captions.selection(selected, grid),
            *captions.circumstances(grid),
            ("difference", f"strategy − {baseline}, paired by seed; [ ] is its 95 % interval (Student)"),
            *captions.tests(family),
            *captions.rates(results),
            *captions.adopted(results, grid),
        ),
        columns=("strategy", "n", "difference", INTERVAL, "verdict", "d_z", "P(better)", "p t", "p Wilcoxon"),
        sections=tuple(sections),
        notes=(
            f"d_z: mean difference over its standard deviation (Cohen). P(better): the share of pairs of runs in which "
            f"the strategy's is the better one. Both from {MANY} pairs on.",
            f"verdict: better or worse where p of the t-test is at most {ALPHA:g}; elsewhere the seeds do not decide, which does "
            "not mean that there is no difference. finds: the smallest difference of the section that is found with 80 %.",
            *_at_chance(rows),
            *lost_seeds(grid),
            *few_seeds((row["n"] for row in rows), tests=True),
            *_dropped(scores),
            *captions.legacy(grid),
            *captions.notes(results, grid),
        ),
    )


def leaderboard_listing(
    results: Results, selected: SelectionRule, grid: Grid, scores: Scores, rows: Sequence[_Row], family: Family | None
) -> Listing:
    """A section for all data fractions together and for each; a row for each strategy, the best mean rank first."""
    several = len({(c.measure.task, c.place) for c in scores.columns}) < len(scores.columns)
    conventions = ("task", "metric") if several else ("task",)
    sections = []
    parts: dict[Place | None, list[_Row]] = {}
    for row in rows:
        place = None if math.isnan(row["fraction"]) else Place(row["fraction"], row["across"])
        parts.setdefault(place, []).append(row)
    together = "all columns" if results.placed.columns else "all data fractions"
    for place, part in parts.items():
        heading = together if place is None else captions.place(place, of_the_data=True)
        words = tuple(
            _leaderboard_row(captions.label(results, grid, row["strategy"]), row, conventions) for row in part
        )
        sections.append(Section(heading=heading, rows=words))
    seeds = [row["n"] for row in rows if math.isfinite(row["delta_m_task"])]
    return Listing(
        title=captions.title(results),
        head=(
            *captions.data(results, grid),
            captions.selection(selected, grid),
            *captions.circumstances(grid),
            ("Δm", "mean over seeds of each seed's gain over single-task in %, better is positive; [ ] is its 95 % interval"),
            *captions.tests(family),
            *captions.rates(results),
            *captions.adopted(results, grid),
        ),
        columns=(
            "strategy", "n", "mean rank", INTERVAL, "among best", "better/worse", "Pareto",
            *(word for per in conventions for word in (f"Δm per {per}" if several else "Δm", INTERVAL)),
        ),
        sections=tuple(sections),
        notes=(
            "mean rank: of the means as printed, over tasks and fractions alike; its interval holds the ranks that the seeds "
            "leave possible. among best: columns where it stands in a set that holds the true best with 95 % and not everybody.",
            "better/worse: columns that differ from single-task. Pareto: pairs of tasks in which no other strategy is at least "
            "as good on both.",
            *(
                ("Δm per task averages a task's metrics first; Δm per metric weighs every metric alike.",)
                if several
                else ()
            ),
            *_unranked(rows),
            *lost_seeds(grid),
            *other_seeds(scores),
            *_too_near_zero(scores),
            *few_seeds(seeds),
            *_dropped(scores),
            *captions.legacy(grid),
            *captions.notes(results, grid),
        ),
    )  # fmt: skip


def _leaderboard_row(label: str, row: _Row, conventions: Sequence[str]) -> tuple[str, ...]:
    """The words of one strategy: its rank, what it wins, and Δm with its interval by each convention."""
    no_comparison = row["strategy"] == SINGLE_TASK or not row["n"] or row["lost"] > 0
    return (
        label,
        count(row["n"], row["expected"]),
        number(row["mean_rank"], 2),
        f"[{row['rank_low']:.2f}, {row['rank_high']:.2f}]" if math.isfinite(row["rank_low"]) else captions.NOTHING,
        f"{row['among_best']}/{row['columns']}" if math.isfinite(row["mean_rank"]) else captions.NOTHING,
        captions.NOTHING if no_comparison else f"{row['better']}/{row['worse']}",
        f"{row['pareto']}/{row['pairs']}" if row["complete"] and row["pairs"] else captions.NOTHING,
        *(
            word
            for per in conventions
            for word in (
                number(row[f"delta_m_{per}"], 2, signed=True),
                interval(row[f"delta_m_{per}_low"], row[f"delta_m_{per}_high"], 2),
            )
        ),
    )


def cost_listing(
    results: Results, selected: SelectionRule, grid: Grid, rows: Sequence[_Row], devices: list[str]
) -> Listing:
    """One row for each strategy: what its trials took, and Δm beside."""
    memory = any(math.isfinite(row["peak_memory_bytes"]) for row in rows)
    words = tuple(
        (
            captions.label(results, grid, row["strategy"]),
            count(row["trials"], row["expected"]),
            row["backward_passes"] or captions.NOTHING,
            number(row["steps"], 0),
            f"{number(row['seconds'], 1)}" + (f" ± {row['seconds_std']:.1f}" if row["seconds_std"] >= 0 else ""),
            number(row["relative"], 2),
            number(row["samples_per_second"], 0),
            *((_mebibytes(row["peak_memory_bytes"]),) if memory else ()),
            number(row["delta_m_task"], 2, signed=True),
            interval(row["delta_m_task_low"], row["delta_m_task_high"], 2),
        )
        for row in rows
    )
    where = "; ".join(devices) or "no trial is done yet"
    notes = ["A trial's seconds are training, evaluation and checkpoints; of a pack, its share. × is beside equal."]
    if any(row["strategy"] == SINGLE_TASK for row in rows):
        notes.append("single-task: the trials of all tasks, one after the other; the rows below it are its parts.")
    if len(devices) > 1:
        notes.append(f"The trials ran on {len(devices)} kinds of device, so their times do not compare strategies.")
    if not any(row["backward_passes"] for row in rows):
        notes.append("Backward passes were not recorded when these trials ran.")
    else:
        notes.append("backwards: backward passes through the trunk in a step; K is the number of tasks.")
    if not memory:
        notes.append("Peak memory is recorded on GPUs alone.")
    return Listing(
        title=captions.title(results),
        head=(
            *captions.data(results, grid),
            captions.selection(selected, grid),
            ("device", where),
            *captions.circumstances(grid),
            ("Δm", "mean over seeds of each seed's gain over single-task in %, over all fractions; [ ] is its 95 % interval"),
            *captions.rates(results),
            *captions.adopted(results, grid),
        ),
        columns=(
            "strategy", "trials", "backwards", "steps", "s per trial", "×", "samples/s",
            *(("peak MiB",) if memory else ()), "Δm", INTERVAL,
        ),
        sections=(Section(heading="", rows=words),),
        notes=(*notes, *captions.legacy(grid),
            *captions.notes(results, grid)),
    )  # fmt: skip


def selection_listing(results: Results, grid: Grid, scores: Scores, rows: Sequence[_Row]) -> Listing:
    """A section for each task, metric and fraction: what selecting on the test split adds to each strategy."""
    sections = []
    by_column, digits_of = _by_column(rows), digits_of_measures(grid)
    for column in scores.columns:
        own = by_column.get((column.place, column.measure.task, column.measure.metric), [])
        digits = digits_of[column.measure]
        words = tuple(
            (
                captions.label(results, grid, row["strategy"]),
                count(row["n"], row["expected"]),
                number(row["best_test"], digits),
                number(row["at_best_val"], digits),
                number(row["price"], digits, signed=True),
                interval(row["ci_low"], row["ci_high"], digits),
            )
            for row in own
        )
        sections.append(Section(heading=_heading(column), rows=words))
    return Listing(
        title=captions.title(results),
        head=(
            *captions.data(results, grid),
            (
                "price",
                "what best_test shows better than at_best_val, mean over seeds; [ ] is its 95 % interval (Student)",
            ),
            *captions.rates(results),
            *captions.adopted(results, grid),
        ),
        columns=("strategy", "n", "best_test", "at_best_val", "price", INTERVAL),
        sections=tuple(sections),
        notes=(
            "best_test: best of all evaluations on the test split, as the paper reports. at_best_val: test value at the "
            "evaluation that is best on the validation split.",
            *few_seeds(row["n"] for row in rows),
            *captions.legacy(grid),
            *captions.notes(results, grid),
        ),
    )


def _by_column(rows: Sequence[_Row]) -> dict[tuple[Place, str, str], list[_Row]]:
    """Rows by place, task and metric."""
    found: dict[tuple[Place, str, str], list[_Row]] = {}
    for row in rows:
        found.setdefault((Place(row["fraction"], row["across"]), row["task"], row["metric"]), []).append(row)
    return found


def _heading(column: Column) -> str:
    return f"{column.measure.task}, {captions.measure(column)}, {captions.place(column.place, of_the_data=True)}"


def _unranked(rows: Sequence[_Row]) -> list[str]:
    names = ", ".join(dict.fromkeys(row["strategy"] for row in rows if math.isnan(row["mean_rank"])))
    return [f"Not ranked where seeds are missing: {names}."] if names else []


def _at_chance(rows: Sequence[_Row]) -> list[str]:
    names = ", ".join(dict.fromkeys(row["strategy"] for row in rows if row["at_chance"] and row["n"]))
    if not names:
        return []
    return [f"Not told from the best constant prediction in some section, and never better there: {names}."]


def _too_near_zero(scores: Scores) -> list[str]:
    columns = too_near_zero(scores, range(len(scores.columns)))
    if not columns:
        return []
    names = "; ".join(map(_heading, columns))
    return [f"No Δm over columns in which single-task is too near zero to divide by, or changes sign: {names}."]


def _dropped(scores: Scores) -> list[str]:
    if not scores.dropped:
        return []
    return [
        f"Of several single-task strategies the best speaks for each column; not shown: {', '.join(scores.dropped)}."
    ]


def _mebibytes(size: float) -> str:
    return number(size / 2**20, 0) if math.isfinite(size) else captions.NOTHING
