"""Markdown: a sheet as a pipe table of GitHub's flavour, for READMEs and issues."""

import re

from mtlray.analysis.layout.entries import Row, Sheet, marked_up
from mtlray.analysis.layout.listing import Listing


def render(sheet: Sheet | Listing) -> str:
    """A table as Markdown, without a newline at the end."""
    lines = [f"**{_escape(sheet.title)}**", ""]
    lines += [f"- {_escape(key)}: {_escape(text)}" for key, text in sheet.head]
    if isinstance(sheet, Listing):
        return "\n".join([*lines, *_listed(sheet), "", *(f"- {_escape(note)}" for note in sheet.notes)]).rstrip()
    headings = [
        f"{_escape(group.task)}<br>{_escape(group.measure)}<br>{fraction}"
        for group in sheet.groups
        for fraction in group.fractions
    ]
    lines += ["", _line(["strategy", *headings]), _line(["---"] * (1 + len(headings)))]
    lines += [
        _line([_label(row), *(marked_up(entry, "**{}**", _escape) for entry in row.entries)]) for row in sheet.rows
    ]
    legend = sheet.legend(
        "**bold**: not told apart from the best of its column", "<u>underlined</u>: better than single-task"
    )
    notes = [*legend, *map(_escape, sheet.notes)]
    return "\n".join([*lines, *([""] if notes else []), *(f"- {note}" for note in notes)])


def _listed(listing: Listing) -> list[str]:
    """A table for each section, below its heading."""
    lines: list[str] = []
    for section in listing.sections:
        lines += ["", *([f"*{_escape(section.heading)}*", ""] if section.heading else [])]
        lines += [_line(list(map(_escape, listing.columns))), _line(["---", *["---:"] * (len(listing.columns) - 1)])]
        lines += [_line([_code(row[0]), *map(_escape, row[1:])]) for row in section.rows]
    return lines


def _label(row: Row) -> str:
    if row.kind == "ours":
        return _code(row.label)
    return f"&nbsp;&nbsp;{_escape(row.label)}" if row.below else _escape(row.label)


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    r"""Text that Markdown shows as it is; `_` inside a word means nothing there and stays."""
    return re.sub(r"([\\`*|<>~\[\]])|(?<!\w)(_)|(_)(?!\w)", r"\\\g<0>", text)
