"""Kinds: the tables besides the cells. Who leads, what differs, what it costs, and what selecting on test is worth."""

from collections.abc import Sequence
from typing import Any

from mtlray.analysis.grid.cells import Grid
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.scores import scores
from mtlray.analysis.grid.selection import SelectionRule, rule
from mtlray.analysis.kinds.comparison import baselines, comparison
from mtlray.analysis.kinds.cost import cost, devices
from mtlray.analysis.kinds.leaderboard import leaderboard
from mtlray.analysis.kinds.price import prices
from mtlray.analysis.layout.listing import Listing
from mtlray.analysis.layout.of_costs import cost_listing, selection_listing
from mtlray.analysis.layout.of_kinds import comparison_listing, leaderboard_listing
from mtlray.errors import ResultsError
from mtlray.results.states import TrialState

KINDS = ("leaderboard", "compare", "cost", "selection")

Part = tuple[list[dict[str, Any]], Listing]  # rows with unrounded numbers, and the same laid out


def parts(
    kind: str, results: Results, selected: SelectionRule, grids: Sequence[Grid], baseline: str | None
) -> list[Part]:
    """For each data set, and each baseline of a comparison, the rows and the same laid out.

    Raises ResultsError where no trial is done or the kind needs what the sweep lacks, SpecError for an unknown baseline.
    """
    begun = [
        grid for grid in grids if any(column.measure.metric for column in grid.columns) and grid.states[TrialState.DONE]
    ]
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
    return [(rows, _with_note(listing, waiting)) for rows, listing in made]


def _of(kind: str, results: Results, selected: SelectionRule, grid: Grid, baseline: str | None) -> list[Part]:
    if kind == "selection":
        done = results.summary[
            (results.summary["dataset"] == grid.dataset) & (results.summary["state"] == TrialState.DONE)
        ]
        if not (done["at_best_val"].notna() & done["best_test"].notna()).any():
            raise ResultsError(
                "The price of selecting on the test split is best_test less at_best_val. The finished trials of "
                f"{grid.dataset} have no validation split, so they have no at_best_val. Hold out validation examples in the "
                "sweep's data set (val_digits=...) and run it again."
            )
        rows = prices(results, grid)
        return [
            (rows, selection_listing(results, grid, scores(results, rule("best_val_per_task"), grid, join=False), rows))
        ]
    found = scores(results, selected, grid)
    if kind == "leaderboard":
        rows, against_single = leaderboard(grid, found)
        return [(rows, leaderboard_listing(results, selected, grid, found, rows, against_single))]
    if kind == "cost":
        rows = cost(results, grid, found)
        return [(rows, cost_listing(results, selected, grid, rows, devices(results, grid)))]
    made = []
    for one in baselines(found, baseline):
        rows, family = comparison(grid, found, one)
        made.append((rows, comparison_listing(results, selected, grid, found, rows, one, family)))
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
