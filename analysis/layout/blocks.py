"""Blocks: which columns of a table stand side by side where all of them are wider than the page or the terminal."""

from collections.abc import Sequence

from mtlray.analysis.layout.entries import Group, Row
from mtlray.analysis.layout.listing import INTERVAL, Listing


def first_columns(groups: Sequence[Group], widths: Sequence[int], room: int, gap: int) -> int:
    """How many columns fit into `room` characters: of whole groups, or some of the first; one at least.

    `widths` are the columns'; a group is as wide as its heading at least, and `gap` stands before each column.
    """
    used = fit = at = 0
    for group in groups:
        count = len(group.fractions)
        own = sum(widths[at : at + count]) + gap * count
        used += max(own, gap + len(group.task), gap + len(group.measure))
        if used > room:
            break
        at += count
        fit = at
    if fit:
        return fit
    used = 0
    for width in widths[: len(groups[0].fractions)]:
        used += gap + width
        if used > room:
            break
        fit += 1
    return max(1, fit)


def cut(groups: Sequence[Group], count: int) -> tuple[list[Group], list[Group]]:
    """The groups of the first `count` columns, and those of the others; a group may stand in both."""
    before, after = list[Group](), list[Group]()
    for group in groups:
        here = max(0, min(count, len(group.fractions)))
        if here:
            before.append(Group(task=group.task, measure=group.measure, fractions=group.fractions[:here]))
        if here < len(group.fractions):
            after.append(Group(task=group.task, measure=group.measure, fractions=group.fractions[here:]))
        count -= here
    return before, after


def columns_of(rows: Sequence[Row], start: int, stop: int | None) -> list[Row]:
    """The rows with some of their columns."""
    return [Row(label=row.label, kind=row.kind, entries=row.entries[start:stop]) for row in rows]


def column_ranges(listing: Listing, width: int, gap: int) -> list[range]:
    """The columns of a listing that stand side by side, beside the labels, within `width` characters."""
    rows = [row for section in listing.sections for row in section.rows]
    widths = [max(map(len, column)) for column in zip(listing.columns, *rows, strict=True)]
    found = []
    start = 1
    while start < len(widths):
        stop = start + 1
        while stop < len(widths) and widths[0] + sum(w + gap for w in widths[start : stop + 1]) <= width:
            stop += 1
        if stop < len(widths) and listing.columns[stop] == INTERVAL and stop - start > 1:
            stop -= 1  # an interval stays beside its number
        found.append(range(start, stop))
        start = stop
    return found
