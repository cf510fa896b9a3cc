"""Listings: the rows of the comparison and of the leaderboard, laid out as words."""

import math
from collections.abc import Sequence

from mtlray.analysis.grid.cells import SINGLE_TASK, Grid
from mtlray.analysis.grid.digits import digits_of_measures
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.places import Place
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.analysis.kinds.chance import ALPHA
from mtlray.analysis.kinds.comparison import MANY, Baseline, Family, usual, verdict
from mtlray.analysis.kinds.leaderboard import too_near_zero
from mtlray.analysis.layout import captions
from mtlray.analysis.layout.listing import (
    INTERVAL,
    Listing,
    Row,
    Section,
    by_column,
    count,
    heading,
    interval,
    number,
    probability,
)
from mtlray.analysis.layout.seeds import few_seeds, lost_seeds, other_seeds


def comparison_listing(
    results: Results,
    selected: SelectionRule,
    grid: Grid,
    scores: Scores,
    rows: Sequence[Row],
    baseline: Baseline,
    family: Family,
) -> Listing:
    """A section for each task, metric and fraction; a row for each strategy beside the baseline."""
    sections = []
    of_columns, digits_of = by_column(rows), digits_of_measures(grid)
    for column in scores.columns:
        own = of_columns.get((column.place, column.measure.task, column.measure.metric), [])
        digits = digits_of[column.measure]
        beside = scores.baselines.get((baseline.name, column), baseline.name)
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
            whose = "" if scores.earlier else f", beside {beside}"
            sections.append(Section(heading=f"{heading(column)}{whose}{found}", rows=words))
    return Listing(
        title=captions.title(results),
        head=(
            *captions.data(results, grid),
            captions.selection(selected, grid),
            *captions.circumstances(grid),
            ("difference", f"strategy − {baseline.name}, paired by seed; [ ] is its 95 % interval (Student)"),
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


_GAIN = (
    "Δm",
    "mean over seeds of each seed's gain over single-task in %, better is positive; [ ] is its 95 % interval",
)


def leaderboard_listing(
    results: Results, selected: SelectionRule, grid: Grid, scores: Scores, rows: Sequence[Row], family: Family | None
) -> Listing:
    """A section for all data fractions together and for each; a row for each strategy, the best mean rank first."""
    several = len({(c.measure.task, c.place) for c in scores.columns}) < len(scores.columns)
    conventions = () if scores.earlier else ("task", "metric") if several else ("task",)
    baseline = usual(scores)
    alone = {s for i, s in enumerate(scores.strategies) if baseline is None or baseline.of[i] is None}
    sections = []
    parts: dict[Place | None, list[Row]] = {}
    for row in rows:
        place = None if math.isnan(row["fraction"]) else Place(row["fraction"], row["across"])
        parts.setdefault(place, []).append(row)
    together = "all columns" if results.placed.columns else "all data fractions"
    for place, part in parts.items():
        whole = together if place is None else captions.place(place, of_the_data=True)
        words = tuple(
            _leaderboard_row(captions.label(results, grid, row["strategy"]), row, conventions, row["strategy"] in alone)
            for row in part
        )
        sections.append(Section(heading=whole, rows=words))
    seeds = [row["n"] for row in rows if math.isfinite(row["delta_m_task"])]
    return Listing(
        title=captions.title(results),
        head=(
            *captions.data(results, grid),
            captions.selection(selected, grid),
            *captions.circumstances(grid),
            *((_GAIN,) if conventions else ()),
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
            f"better/worse: columns that differ from {SINGLE_TASK if baseline is None else baseline.name}. Pareto: pairs of "
            "tasks in which no other strategy is at least as good on both.",
            *(
                ("Δm per task averages a task's metrics first; Δm per metric weighs every metric alike.",)
                if len(conventions) > 1
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


def _leaderboard_row(label: str, row: Row, conventions: Sequence[str], alone: bool) -> tuple[str, ...]:
    """The words of one strategy: its rank, what it wins, and Δm with its interval by each convention.

    `alone` is one that is compared with no other.
    """
    no_comparison = alone or not row["n"] or row["lost"] > 0
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


def _unranked(rows: Sequence[Row]) -> list[str]:
    names = ", ".join(dict.fromkeys(row["strategy"] for row in rows if math.isnan(row["mean_rank"])))
    return [f"Not ranked where seeds are missing: {names}."] if names else []


def _at_chance(rows: Sequence[Row]) -> list[str]:
    names = ", ".join(dict.fromkeys(row["strategy"] for row in rows if row["at_chance"] and row["n"]))
    if not names:
        return []
    return [f"Not told from the best constant prediction in some section, and never better there: {names}."]


def _too_near_zero(scores: Scores) -> list[str]:
    columns = too_near_zero(scores, range(len(scores.columns)))
    if not columns:
        return []
    names = "; ".join(map(heading, columns))
    return [f"No Δm over columns in which single-task is too near zero to divide by, or changes sign: {names}."]


def _dropped(scores: Scores) -> list[str]:
    if not scores.dropped:
        return []
    return [
        f"Of several single-task strategies the best speaks for each column; not shown: {', '.join(scores.dropped)}."
    ]
