"""LaTeX: a table within the width of a page: side by side or in blocks, and as a longtable where it is longer than a page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mtlray.analysis.layout.blocks import column_ranges, columns_of, cut, first_columns
from mtlray.analysis.layout.entries import Entry, Group, Row, Sheet
from mtlray.analysis.layout.listing import Listing
from mtlray.analysis.layout.tex import escape, slug

# Characters of \footnotesize in a page of article (345 pt) and in a column of two (240 pt), and lines on a page.
_PAGE, _COLUMN, _LINES = 78, 52, 44
_PROSE = 88  # characters of a line of a caption or a note
_GAP = 2
_CAPTION = ("data set", "selection", "cells")  # of the head; the rest stands below the table
_MARKS = "Bold: not told apart from the best of its column", "+: better than single-task"
_SIGNED = re.compile(r"[+-]?\d[\d,]*(\.\d+)?")


@dataclass(frozen=True, slots=True)
class _Block:
    """Columns that stand side by side: how LaTeX aligns them, the lines of their head, and those below it."""

    columns: str
    head: tuple[str, ...]
    body: tuple[str, ...]
    width: int


def render(sheet: Sheet | Listing, label: str = "table") -> str:
    """A table environment with `label`, without a newline at the end. What does not go into the caption stands below."""
    blocks = _listed(sheet) if isinstance(sheet, Listing) else _blocks(sheet.groups, sheet.rows)
    notes = [_sentence(f"{key.capitalize()}: {text}") for key, text in sheet.head if key not in _CAPTION]
    notes += [*(() if isinstance(sheet, Listing) else sheet.legend(*_MARKS, between=". ")), *sheet.notes]
    head = [text if key == "cells" else f"{key.capitalize()}: {text}" for key, text in sheet.head if key in _CAPTION]
    caption = " ".join(map(_sentence, (sheet.title, *head)))
    short = sheet.title.partition(":")[0]
    lines = sum(len(block.head) + len(block.body) + 2 for block in blocks)
    lines += sum(1 + len(text) // _PROSE for text in (caption, *notes))
    makes = _long if lines > _LINES else _floating
    return "\n".join(makes(blocks, escape(short), escape(caption), f"tab:{slug(label)}", [escape(n) for n in notes]))


def _floating(blocks: Sequence[_Block], short: str, caption: str, label: str, notes: Sequence[str]) -> list[str]:
    """On one page: blocks below one another; across both columns of a two-column document where one would be too wide."""
    name = "table" if max(block.width for block in blocks) <= _COLUMN else "table*"
    lines = [
        rf"% needs \usepackage{{booktabs{',siunitx' if _of_numbers(blocks) else ''}}}",
        rf"\begin{{{name}}}",
        r"\centering",
        rf"\caption[{short}]{{{caption}}}",
        rf"\label{{{label}}}",
        *_small(blocks),
    ]
    for i, block in enumerate(blocks):
        lines += [r"\par\medskip"] if i else []
        lines += [rf"\begin{{tabular}}{{{block.columns}}}", r"\toprule", *block.head, r"\midrule"]
        lines += [*block.body, r"\bottomrule", r"\end{tabular}"]
    lines += [r"\par\smallskip", r"\begin{minipage}{\linewidth}", *_notes(notes), r"\end{minipage}"] if notes else []
    return [*lines, rf"\end{{{name}}}"]


def _long(blocks: Sequence[_Block], short: str, caption: str, label: str, notes: Sequence[str]) -> list[str]:
    """Over several pages, the head again on each; a document in two columns has to leave them for it."""
    lines = [
        rf"% needs \usepackage{{booktabs,longtable{',siunitx' if _of_numbers(blocks) else ''}}}; "
        r"in two columns it has to stand after \onecolumn",
        r"\begingroup",
        *_small(blocks),
        r"\setlength{\LTcapwidth}{\linewidth}",
    ]
    for i, block in enumerate(blocks):
        again = rf"\caption[]{{{short}, continued}}\\"
        first = rf"\caption[{short}]{{{caption}}}\label{{{label}}}\\"
        head = [r"\toprule", *block.head, r"\midrule"]
        lines += [r"\addtocounter{table}{-1}"] if i else []
        lines += [rf"\begin{{longtable}}{{{block.columns}}}", again if i else first, *head, r"\endfirsthead"]
        lines += [again, *head, r"\endhead", r"\bottomrule", r"\endfoot", *block.body, r"\end{longtable}"]
    return [*lines, *([r"\noindent", *_notes(notes)] if notes else []), r"\endgroup"]


def _small(blocks: Sequence[_Block]) -> list[str]:
    """Small letters close together, and how siunitx prints numbers where there are any."""
    numbers = [r"\sisetup{detect-weight=true, retain-explicit-plus=true}"] if _of_numbers(blocks) else []
    return [r"\footnotesize", r"\setlength{\tabcolsep}{3pt}", *numbers]


def _of_numbers(blocks: Sequence[_Block]) -> bool:
    return any("S[" in block.columns for block in blocks)


def _notes(notes: Sequence[str]) -> list[str]:
    return [r"\raggedright", *(rf"{note}\par" for note in notes)]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _blocks(groups: Sequence[Group], rows: Sequence[Row]) -> list[_Block]:
    """The table in as many blocks as the width of a page asks for."""
    label = max(len("strategy"), *(len(row.label) + 2 * row.below for row in rows))
    made = []
    while groups:
        n_columns = sum(len(group.fractions) for group in groups)
        heads = [fraction for group in groups for fraction in group.fractions]
        widths = [
            max(len(heads[i]), *(len(e.mean) + len(_rest(e)) for row in rows if (e := row.entries[i]) is not None), 0)
            for i in range(n_columns)
        ]
        count = first_columns(groups, widths, _PAGE - label, _GAP)
        here, groups = cut(groups, count)
        made.append(_block(here, columns_of(rows, 0, count), label + sum(widths[:count]) + _GAP * count))
        rows = columns_of(rows, count, None)
    return made


def _block(groups: Sequence[Group], rows: Sequence[Row], width: int) -> _Block:
    rows = [row for row in rows if any(row.entries)]
    n_columns = sum(len(group.fractions) for group in groups)
    columns = [[row.entries[i] for row in rows] for i in range(n_columns)]
    spans = [2 * len(group.fractions) for group in groups]
    fractions = [rf"\multicolumn{{2}}{{c}}{{{escape(text)}}}" for group in groups for text in group.fractions]
    body = []
    for i, row in enumerate(rows):
        if i and rows[i - 1].below and not row.below:
            body.append(r"\addlinespace")
        body.append(_line([_label(row), *(text for entry in row.entries for text in _cell(entry))]))
    head = (
        _spanned([group.task for group in groups], spans),
        _spanned([group.measure for group in groups], spans),
        _rules(spans),
        _line(["strategy", *fractions]),
    )
    return _Block(f"l{''.join(map(_format, columns))}", head, tuple(body), width)


def _format(column: Sequence[Entry | None]) -> str:
    """A column of numbers, aligned at their points, and one of what stands behind them."""
    numbers = [n for entry in column if entry is not None and (n := _plain(entry.mean)) is not None]
    whole = max((len(n.lstrip("+-").partition(".")[0]) for n in numbers), default=1)
    digits = max((len(n.partition(".")[2]) for n in numbers), default=0)
    sign = "+" if any(n[0] in "+-" for n in numbers) else ""
    return rf"S[table-format={sign}{whole}.{digits}]@{{}}l"


def _plain(number: str) -> str | None:
    """A number as siunitx reads it; None for what is none."""
    text = number.replace("−", "-").replace(",", "")
    return text if _SIGNED.fullmatch(text) else None


def _cell(entry: Entry | None) -> tuple[str, str]:
    """The number, and its deviation, marks and reasons."""
    if entry is None:
        return "", ""
    number = _plain(entry.mean)
    text = f"{{{escape(entry.mean)}}}" if number is None else number
    if entry.best:
        text = rf"\bfseries {text}"
    rest = rf"\,$\pm$\,{entry.std}" if entry.std else ""
    rest += r"\,$^{+}$" if entry.better else ""
    return text, f"{rest} ({escape(', '.join(entry.note))})" if entry.note else rest


def _rest(entry: Entry) -> str:
    """What stands behind a number, as long as it is printed."""
    text = f"±{entry.std}" if entry.std else ""
    note = f" ({', '.join(entry.note)})" if entry.note else ""
    return text + "+" * entry.better + note + " " * entry.best


def _listed(listing: Listing) -> list[_Block]:
    """The rows of a listing, each section below its heading; columns that do not fit in blocks of their own."""
    made = []
    for shown in column_ranges(listing, _PAGE, _GAP):
        body: list[str] = []
        for section in listing.sections:
            body += [r"\midrule"] if body else []
            if section.heading:
                kind = "l" if len(section.heading) <= _PAGE else r"@{}p{\linewidth}@{}"
                text = rf"\textit{{{escape(section.heading)}}}"
                body.append(rf"\multicolumn{{{1 + len(shown)}}}{{{kind}}}{{{text}}} \\*")
            body += [_line([escape(row[0]), *(escape(row[i]) for i in shown)]) for row in section.rows]
        rows = [listing.columns, *(row for section in listing.sections for row in section.rows)]
        width = sum(max(len(row[i]) for row in rows) + _GAP for i in (0, *shown))
        head = _line([escape(listing.columns[0]), *(escape(listing.columns[i]) for i in shown)])
        made.append(_Block(f"l{'r' * len(shown)}", (head,), tuple(body), width))
    return made


def _spanned(texts: Sequence[str], spans: Sequence[int]) -> str:
    cells = [rf"\multicolumn{{{span}}}{{c}}{{{escape(text)}}}" for text, span in zip(texts, spans, strict=True)]
    return _line(["", *cells])


def _rules(counts: Sequence[int]) -> str:
    rules, start = [], 2
    for count in counts:
        rules.append(rf"\cmidrule(lr){{{start}-{start + count - 1}}}")
        start += count
    return " ".join(rules)


def _label(row: Row) -> str:
    return rf"\quad {escape(row.label)}" if row.below else escape(row.label)


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\".lstrip()
