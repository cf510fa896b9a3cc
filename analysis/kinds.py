"""Kinds: the tables besides the cells. Who leads, what differs, what it costs, and what selecting on test is worth."""

from collections.abc import Sequence

import pandas as pd

from analysis.cells import Grid
from analysis.comparison import baselines, comparison
from analysis.cost import cost, devices
from analysis.leaderboard import leaderboard
from analysis.listing import Listing
from analysis.listings import comparison_listing, cost_listing, leaderboard_listing, selection_listing
from analysis.load import Results
from analysis.price import prices
from analysis.scores import scores
from analysis.selection import SelectionRule, rule
from mtlray.errors import ResultsError

KINDS = ("leaderboard", "compare", "cost", "selection")


def parts(
    kind: str, results: Results, selected: SelectionRule, grids: Sequence[Grid], baseline: str | None
) -> list[tuple[pd.DataFrame, Listing]]:
    """For each data set, and each baseline of a comparison, the frame and the same laid out.

    Raises ResultsError where no trial is done or the kind needs what the sweep lacks, SpecError for an unknown baseline.
    """
    begun = [grid for grid in grids if any(column.measure.metric for column in grid.columns) and grid.states["done"]]
    if not begun:
        planned = sum(sum(grid.states.values()) for grid in grids)
        states = sum((grid.states for grid in grids), start=type(grids[0].states)())
        found = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        raise ResultsError(
            f"A table of kind `{kind}` should have a trial that is done. Of {planned} planned trials, {found}. "
            "The cells (--kind cells) show what is missing."
        )
    made = [part for grid in begun for part in _of(kind, results, selected, grid, baseline)]
    waiting = [grid.dataset for grid in grids if grid not in begun]
    return [(frame, _with_note(listing, waiting)) for frame, listing in made]


def _of(
    kind: str, results: Results, selected: SelectionRule, grid: Grid, baseline: str | None
) -> list[tuple[pd.DataFrame, Listing]]:
    if kind == "selection":
        done = results.summary[(results.summary["dataset"] == grid.dataset) & (results.summary["state"] == "done")]
        if not (done["at_best_val"].notna() & done["best_test"].notna()).any():
            raise ResultsError(
                "The price of selecting on the test split is best_test less at_best_val. The finished trials of "
                f"{grid.dataset} have no validation split, so they have no at_best_val. Hold validation examples out "
                "in the sweep's data set (val_digits=...) and run it again."
            )
        frame = prices(results, grid)
        return [(frame, selection_listing(results, grid, scores(results, rule("best_val"), grid, join=False), frame))]
    found = scores(results, selected, grid)
    if kind == "leaderboard":
        frame = leaderboard(grid, found)
        return [(frame, leaderboard_listing(results, selected, grid, found, frame))]
    if kind == "cost":
        frame = cost(results, grid, found)
        return [(frame, cost_listing(results, selected, grid, frame, devices(results, grid)))]
    made = []
    for name in baselines(found, baseline):
        frame = comparison(grid, found, name)
        made.append((frame, comparison_listing(results, selected, grid, found, frame, name)))
    return made


def _with_note(listing: Listing, waiting: list[str]) -> Listing:
    if not waiting:
        return listing
    note = f"Without a finished trial, and so not shown: {', '.join(waiting)}."
    return Listing(
        title=listing.title,
        head=listing.head,
        columns=listing.columns,
        sections=listing.sections,
        notes=(*listing.notes, note),
    )
