"""Text: a sheet for the terminal, 100 columns wide where the words allow it, the same when piped to a file."""

import textwrap
from collections.abc import Sequence

from mtlray.analysis.layout.listing import INTERVAL, Listing
from mtlray.analysis.layout.sheet import Entry, Group, Row, Sheet

WIDTH = 100
_GAP = "  "


def render(sheet: Sheet | Listing) -> str:
    """A table as plain text, without escape codes and without a newline at the end."""
    width = max(len(key) for key, _ in sheet.head)
    lines = [sheet.title, ""]
    for key, text in sheet.head:
        lines += textwrap.wrap(f"{key:{width}}  {text}", WIDTH, subsequent_indent=" " * (width + 2))
    if isinstance(sheet, Listing):
        lines += ["", *_listed(sheet), ""]
    else:
        lines += ["", *_body(sheet.groups, sheet.rows), ""]
    for note in (*(() if isinstance(sheet, Listing) else _legend(sheet)), *sheet.notes):
        lines += textwrap.wrap(note, WIDTH, subsequent_indent="  ")
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _legend(sheet: Sheet) -> list[str]:
    best, better = sheet.marks
    parts = [
        text
        for marked, text in (
            (best, "* not told apart from the best of its column"),
            (better, "+ better than single-task"),
        )
        if marked
    ]
    return [f"{'; '.join(parts)}."] if parts else []


def _body(groups: Sequence[Group], rows: Sequence[Row]) -> list[str]:
    """The table; where it is too wide, reasons go below their values, then groups of columns below one another."""
    lines: list[str] = []
    for count in range(len(groups), 0, -1):
        n_columns = sum(len(group.fractions) for group in groups[:count])
        for below in (False, True):
            lines = _block(groups[:count], _columns(rows, 0, n_columns), below)
            if max(map(len, lines)) <= WIDTH:
                break
        if max(map(len, lines)) <= WIDTH or count == 1:
            rest = groups[count:]
            return [*lines, "", *_body(rest, _columns(rows, n_columns, None))] if rest else lines
    return lines


def _columns(rows: Sequence[Row], start: int, stop: int | None) -> list[Row]:
    return [Row(label=row.label, kind=row.kind, entries=row.entries[start:stop]) for row in rows]


def _block(groups: Sequence[Group], rows: Sequence[Row], below: bool) -> list[str]:
    """Groups side by side. `below` puts the reasons for missing trials on lines of their own."""
    rows = [row for row in rows if any(row.entries)]
    labels = [f"  {row.label}" if row.below else row.label for row in rows]
    label_width = max(len("strategy"), *map(len, labels))
    columns = [_column([row.entries[i] for row in rows], below) for i in range(sum(len(g.fractions) for g in groups))]
    widths: list[int] = []
    for group in groups:
        own = [
            max(len(fraction), *(len(line) for cell in columns[len(widths) + i] for line in cell))
            for i, fraction in enumerate(group.fractions)
        ]
        spare = max(len(group.task), len(group.measure)) - sum(own) - len(_GAP) * (len(own) - 1)
        own[-1] += max(0, spare)
        widths += own

    def spans(texts: Sequence[str]) -> str:
        cells, start = [], 0
        for group, text in zip(groups, texts, strict=True):
            stop = start + len(group.fractions)
            cells.append(text.ljust(sum(widths[start:stop]) + len(_GAP) * (stop - start - 1)))
            start = stop
        return _GAP.join(cells)

    def line(label: str, cells: Sequence[str]) -> str:
        return _GAP.join([label.ljust(label_width), *(c.ljust(w) for c, w in zip(cells, widths, strict=True))]).rstrip()

    rule = "─" * (label_width + sum(widths) + len(_GAP) * len(widths))
    lines = [
        f"{'':{label_width}}{_GAP}{spans([group.task for group in groups])}".rstrip(),
        f"{'':{label_width}}{_GAP}{spans([group.measure for group in groups])}".rstrip(),
        line("strategy", [fraction for group in groups for fraction in group.fractions]),
        rule,
    ]
    apart = any(row.below for row in rows)
    for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
        if apart and not row.below and i > 0:
            lines.append("")
        cells = [column[i] for column in columns]
        for j in range(max(map(len, cells))):
            lines.append(line(label if j == 0 else "", [cell[j] if j < len(cell) else "" for cell in cells]))
    return lines


def _column(entries: Sequence[Entry | None], below: bool) -> list[list[str]]:
    """A column's cells, each as its lines, aligned at the decimal point and at the ±."""
    present = [entry for entry in entries if entry is not None]
    mean_width = max((len(entry.mean) for entry in present), default=0)
    std_width = max((len(entry.std) for entry in present), default=0)
    cells = []
    for entry in entries:
        if entry is None:
            cells.append([""])
            continue
        text = entry.mean.rjust(mean_width)
        if entry.std:
            text += f" ± {entry.std.rjust(std_width)}"
        elif std_width and (entry.best or entry.better):
            text += " " * (3 + std_width)
        marks = "*" * entry.best + "+" * entry.better
        inline, under = (entry.note[:1], entry.note[1:]) if below else (entry.note, ())
        note = f"({', '.join(inline)})" if inline else ""
        cells.append([" ".join(filter(None, (text, marks, note))), *(f"  {reason}" for reason in under)])
    return cells


def _listed(listing: Listing) -> list[str]:
    """A listing's rows; columns that do not fit stand below the others, with the labels again."""
    rows = [row for section in listing.sections for row in section.rows]
    widths = [max(map(len, column)) for column in zip(listing.columns, *rows, strict=True)]
    lines: list[str] = []
    start = 1
    while start < len(widths):
        stop = start + 1
        while stop < len(widths) and widths[0] + sum(w + len(_GAP) for w in widths[start : stop + 1]) <= WIDTH:
            stop += 1
        if stop < len(widths) and listing.columns[stop] == INTERVAL and stop - start > 1:
            stop -= 1  # an interval stays beside its number
        lines += [*([""] if lines else []), *_columns_of(listing, widths, range(start, stop))]
        start = stop
    return lines


def _columns_of(listing: Listing, widths: Sequence[int], shown: range) -> list[str]:
    def line(row: Sequence[str]) -> str:
        return _GAP.join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in shown)]).rstrip()

    lines = [line(listing.columns), "─" * (widths[0] + sum(widths[i] + len(_GAP) for i in shown))]
    for i, section in enumerate(listing.sections):
        if section.heading:
            lines += [*([""] if i else []), section.heading]
        lines += map(line, section.rows)
    return lines
