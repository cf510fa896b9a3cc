"""Listings of what strategies cost, and of what selecting on the test split is worth, laid out as words."""

import math
from collections.abc import Sequence

from mtlray.analysis.grid.cells import SINGLE_TASK, Grid
from mtlray.analysis.grid.digits import digits_of_measures
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.scores import Scores
from mtlray.analysis.grid.selection import SelectionRule
from mtlray.analysis.layout import captions
from mtlray.analysis.layout.listing import INTERVAL, Listing, Row, Section, by_column, count, heading, interval, number
from mtlray.analysis.layout.seeds import few_seeds

_OVER_ALL = (
    "Δm",
    "mean over seeds of each seed's gain over single-task in %, over all fractions; [ ] is its 95 % interval",
)


def _gain_interval(row: Row) -> str:
    return interval(row["delta_m_task_low"], row["delta_m_task_high"], 2)


def cost_listing(
    results: Results, selected: SelectionRule, grid: Grid, rows: Sequence[Row], devices: list[str]
) -> Listing:
    """One row for each strategy: what its trials took, and Δm beside."""
    memory = any(math.isfinite(row["peak_memory_bytes"]) for row in rows)
    gained = any(math.isfinite(row["delta_m_task"]) for row in rows)
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
            *((number(row["delta_m_task"], 2, signed=True), _gain_interval(row)) if gained else ()),
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
            *((_OVER_ALL,) if gained else ()),
            *captions.rates(results),
            *captions.adopted(results, grid),
        ),
        columns=(
            "strategy", "trials", "backwards", "steps", "s per trial", "×", "samples/s",
            *(("peak MiB",) if memory else ()), *(("Δm", INTERVAL) if gained else ()),
        ),
        sections=(Section(heading="", rows=words),),
        notes=(*notes, *captions.legacy(grid),
            *captions.notes(results, grid)),
    )  # fmt: skip


def selection_listing(results: Results, grid: Grid, scores: Scores, rows: Sequence[Row]) -> Listing:
    """A section for each task, metric and fraction: what selecting on the test split adds to each strategy."""
    sections = []
    of_columns, digits_of = by_column(rows), digits_of_measures(grid)
    for column in scores.columns:
        own = of_columns.get((column.place, column.measure.task, column.measure.metric), [])
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
        sections.append(Section(heading=heading(column), rows=words))
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


def _mebibytes(size: float) -> str:
    return number(size / 2**20, 0) if math.isfinite(size) else captions.NOTHING
