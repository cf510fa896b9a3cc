"""Text: a sheet for the terminal, as wide as that or 80 columns, where the words allow it."""

import textwrap
from collections.abc import Sequence

from mtlray.analysis.layout.blocks import column_ranges, columns_of, cut, first_columns
from mtlray.analysis.layout.entries import Entry, Group, Row, Sheet
from mtlray.analysis.layout.listing import Listing

_MARKS = "* not told apart from the best of its column", "+ better than single-task"
WIDTH = 80
_PROSE = 100  # longer lines of prose are hard to read, however wide the terminal
_GAP = "  "


def render(sheet: Sheet | Listing, width: int = WIDTH) -> str:
    """A table as plain text of `width` columns, without escape codes and without a newline at the end."""
    prose = min(width, _PROSE)
    key_width = max(len(key) for key, _ in sheet.head)
    lines = [*_wrapped(sheet.title, prose), ""]
    for key, text in sheet.head:
        lines += _wrapped(f"{key:{key_width}}  {text}", prose, subsequent_indent=" " * (key_width + 2))
    if isinstance(sheet, Listing):
        lines += ["", *_listed(sheet, width), ""]
    else:
        lines += ["", *_body(sheet.groups, sheet.rows, width), ""]
    for note in (*(() if isinstance(sheet, Listing) else sheet.legend(*_MARKS)), *sheet.notes):
        lines += _wrapped(note, prose, subsequent_indent="  ")
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _wrapped(text: str, width: int, *, subsequent_indent: str = "") -> list[str]:
    """Lines of a text; a name with hyphens in it is not cut."""
    return textwrap.wrap(text, width, subsequent_indent=subsequent_indent, break_on_hyphens=False)


def _body(groups: Sequence[Group], rows: Sequence[Row], width: int) -> list[str]:
    """The table; where it is too wide, reasons go below their values, then columns below one another."""
    room = width - _label_width(rows)
    heads = [fraction for group in groups for fraction in group.fractions]
    inline, under = (
        [_width(head, [row.entries[i] for row in rows], below) for i, head in enumerate(heads)]
        for below in (False, True)
    )
    lines: list[str] = []
    start, rest = 0, list(groups)
    while rest:
        fits, count = (first_columns(rest, widths[start:], room, len(_GAP)) for widths in (inline, under))
        here, rest = cut(rest, count)
        too_wide = fits < count or inline[start] + len(_GAP) > room
        lines += [*([""] if lines else []), *_block(here, columns_of(rows, start, start + count), too_wide)]
        start += count
    return lines


def _width(head: str, entries: Sequence[Entry | None], below: bool) -> int:
    return max(len(head), *(len(line) for cell in _column(entries, below) for line in cell))


def _label_width(rows: Sequence[Row]) -> int:
    return max(len("strategy"), *(len(row.label) + 2 * row.below for row in rows))


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
    for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
        if i > 0 and rows[i - 1].below and not row.below:
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


def _listed(listing: Listing, width: int) -> list[str]:
    """A listing's rows; columns that do not fit stand below the others, with the labels again."""
    rows = [row for section in listing.sections for row in section.rows]
    widths = [max(map(len, column)) for column in zip(listing.columns, *rows, strict=True)]
    lines: list[str] = []
    for shown in column_ranges(listing, width, len(_GAP)):
        lines += [*([""] if lines else []), *_columns_of(listing, widths, shown, width)]
    return lines


def _columns_of(listing: Listing, widths: Sequence[int], shown: range, width: int) -> list[str]:
    def line(row: Sequence[str]) -> str:
        return _GAP.join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in shown)]).rstrip()

    lines = [line(listing.columns), "─" * (widths[0] + sum(widths[i] + len(_GAP) for i in shown))]
    for i, section in enumerate(listing.sections):
        if section.heading:
            lines += [*([""] if i else []), *_wrapped(section.heading, width, subsequent_indent="  ")]
        lines += map(line, section.rows)
    return lines
