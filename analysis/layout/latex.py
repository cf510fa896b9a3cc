"""LaTeX: a sheet as a table environment. It needs the package booktabs and nothing else."""

from collections.abc import Sequence

from mtlray.analysis.layout.listing import Listing
from mtlray.analysis.layout.sheet import Entry, Row, Sheet

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "&": r"\&",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"$\sim$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': "''",
    "±": r"$\pm$",
    "−": r"$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "Δ": r"$\Delta$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
}


def escape(text: str) -> str:
    """Text that LaTeX typesets as it is."""
    # The braces keep two hyphens, as in the name of an option, from joining into a dash.
    return "".join(_ESCAPES.get(character, character) for character in text.replace("--", "-\0-")).replace("\0", "{}")


def render(sheet: Sheet | Listing) -> str:
    """A table environment, without a newline at the end. Head in the caption, notes below the table."""
    if isinstance(sheet, Listing):
        return _environment(sheet, f"l{'r' * (len(sheet.columns) - 1)}", _listed(sheet), sheet.notes)
    n_columns = sum(len(group.fractions) for group in sheet.groups)
    body = [
        _spanned("", [(group.task, len(group.fractions)) for group in sheet.groups]),
        _spanned("", [(group.measure, len(group.fractions)) for group in sheet.groups]),
        _rules([len(group.fractions) for group in sheet.groups]),
        _line(["strategy", *(escape(fraction) for group in sheet.groups for fraction in group.fractions)]),
        r"\midrule",
    ]
    apart = any(row.below for row in sheet.rows)
    for i, row in enumerate(sheet.rows):
        if apart and not row.below and i > 0:
            body.append(r"\addlinespace")
        body.append(_line([_label(row), *(_cell(entry) for entry in row.entries)]))
    return _environment(sheet, f"l{'l' * n_columns}", body, (*_legend(sheet), *sheet.notes))


def _environment(sheet: Sheet | Listing, columns: str, body: Sequence[str], notes: Sequence[str]) -> str:
    head = [text if key == "cells" else f"{key[0].upper()}{key[1:]}: {text}" for key, text in sheet.head]
    caption = " ".join(text if text.endswith((".", "?", "!")) else f"{text}." for text in (sheet.title, *head))
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if notes:
        lines += ["", r"\smallskip", r"{\footnotesize", *(rf"{escape(note)}\par" for note in notes), "}"]
    return "\n".join([*lines, r"\end{table}"])


def _listed(listing: Listing) -> list[str]:
    """The rows of a listing, each section below its heading."""
    body = [_line(list(map(escape, listing.columns)))]
    for section in listing.sections:
        body.append(r"\midrule")
        if section.heading:
            body.append(rf"\multicolumn{{{len(listing.columns)}}}{{l}}{{\textit{{{escape(section.heading)}}}}} \\")
        body += [_line(list(map(escape, row))) for row in section.rows]
    return body


def _legend(sheet: Sheet) -> list[str]:
    best, better = sheet.marks
    marked = (
        (best, "Bold: not told apart from the best of its column"),
        (better, "Underlined: better than single-task"),
    )
    parts = [text for present, text in marked if present]
    return [f"{'. '.join(parts)}."] if parts else []


def _spanned(label: str, spans: list[tuple[str, int]]) -> str:
    return _line([label, *(rf"\multicolumn{{{count}}}{{c}}{{{escape(text)}}}" for text, count in spans)])


def _rules(counts: list[int]) -> str:
    rules, start = [], 2
    for count in counts:
        rules.append(rf"\cmidrule(lr){{{start}-{start + count - 1}}}")
        start += count
    return " ".join(rules)


def _label(row: Row) -> str:
    return rf"\quad {escape(row.label)}" if row.below else escape(row.label)


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return ""
    text = escape(entry.mean)
    if entry.best:
        text = rf"\textbf{{{text}}}"
    if entry.better:
        text = rf"\underline{{{text}}}"
    if entry.std:
        text += rf" $\pm$ {entry.std}"
    return f"{text} ({escape(', '.join(entry.note))})" if entry.note else text


def _line(cells: list[str]) -> str:
    return rf"{' & '.join(cells)} \\".lstrip()
