"""HTML: a table for a notebook or a page, with its head above and its notes below it. It needs no style sheet."""

from collections.abc import Iterable
from html import escape

from mtlray.analysis.layout.entries import Row, Sheet, marked_up
from mtlray.analysis.layout.listing import Listing

_MARKS = "<b>bold</b>: not told apart from the best of its column", "<u>underlined</u>: better than single-task"
_LABEL = ' style="text-align:left;white-space:nowrap"'
_CELL = ' style="text-align:right;white-space:nowrap"'


def render(sheet: Sheet | Listing) -> str:
    """A `<section>` with one table, without a newline at the end."""
    head = "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in sheet.head)
    body = _listed(sheet) if isinstance(sheet, Listing) else _rows(sheet)
    legend = [] if isinstance(sheet, Listing) else sheet.legend(*_MARKS)
    notes = "".join(f"<li>{note}</li>" for note in (*legend, *map(escape, sheet.notes)))
    parts = [
        f"<h3>{escape(sheet.title)}</h3>",
        f"<details><summary>What the numbers are</summary><dl>{head}</dl></details>",
        f'<div style="overflow-x:auto"><table>\n{body}\n</table></div>',
        f"<ul>{notes}</ul>" if notes else "",
    ]
    return "\n".join(["<section>", *filter(None, parts), "</section>"])


def page(title: str, sections: Iterable[str]) -> str:
    """A file of its own around them."""
    head = f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head><body>'
    return "\n".join([head, *sections, "</body></html>"])


def _rows(sheet: Sheet) -> str:
    spans = [(group, len(group.fractions)) for group in sheet.groups]
    tops = [
        _line("th", ["", *(getattr(group, name) for group, _ in spans)], [1, *(n for _, n in spans)])
        for name in ("task", "measure")
    ]
    fractions = _line("th", ["strategy", *(text for group, _ in spans for text in group.fractions)])
    lines = [
        _line("td", [escape(_label(row)), *(marked_up(one, "<b>{}</b>", escape) for one in row.entries)], escaped=True)
        for row in sheet.rows
    ]
    return "\n".join(["<thead>", *tops, fractions, "</thead>", "<tbody>", *lines, "</tbody>"])


def _listed(listing: Listing) -> str:
    lines = ["<thead>", _line("th", listing.columns), "</thead>"]
    for section in listing.sections:
        lines.append("<tbody>")
        if section.heading:
            lines.append(_line("th", [section.heading], [len(listing.columns)]))
        lines += [*(_line("td", row) for row in section.rows), "</tbody>"]
    return "\n".join(lines)


def _line(kind: str, cells: Iterable[str], spans: Iterable[int] | None = None, *, escaped: bool = False) -> str:
    """A row of the table; the first of its cells is a label."""
    texts = list(cells)
    made = []
    for i, (text, span) in enumerate(zip(texts, spans or [1] * len(texts), strict=True)):
        wide = f' colspan="{span}"' if span > 1 else ""
        made.append(f"<{kind}{wide}{_CELL if i else _LABEL}>{text if escaped else escape(text)}</{kind}>")
    return f"<tr>{''.join(made)}</tr>"


def _label(row: Row) -> str:
    return f"\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}{row.label}" if row.below else row.label
