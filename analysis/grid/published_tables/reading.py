"""Reading: a CSV of published results, in one row a strategy or in one row a number, as docs/analysis.md describes."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtlray.analysis.grid.published_tables.base import Number
from mtlray.errors import SpecError
from mtlray.words.values import shown

_STRATEGY = ("strategy", "method")
_SPREAD = ("spread", "std")
_RUNS = ("runs", "n")
_ABOUT = ("fraction", "dataset", *_RUNS)  # of a row, whichever form
_LONG = ("task", "metric", "mean", *_SPREAD)
_IGNORED = "delta_m"  # what such columns hold follows from the others
FORMAT = 'docs/analysis.md, "Beside a paper\'s numbers, or your own", describes the format'


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """One number as the file has it: `column` names a task's metric, as `left/accuracy`, `accuracy` or `left`."""

    line: int
    strategy: str
    dataset: str
    fraction: float
    column: str
    number: Number


def read(text: str, name: str) -> list[Value]:
    """The numbers of a CSV text. Raises SpecError, which names the file `name`, for what is not one of the two forms."""
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    header = [cell.strip() for cell in rows[0]] if rows else []
    key = next((column for column in header if column.lower() in _STRATEGY), None)
    if key is None or len(rows) < 2:
        found = f"the columns {', '.join(header)}" if header and key is None else f"{max(0, len(rows) - 1)} rows"
        raise SpecError(
            f"`{name}` should hold a table with a column `strategy` (or `method`) and numbers. Found {found}. {FORMAT}."
        )
    if len(set(header)) < len(header):
        raise SpecError(f"The columns of `{name}` should have different names. Found {', '.join(header)}. {FORMAT}.")
    long = "mean" in header
    columns = [column for column in header if column not in (key, *_ABOUT) and not column.startswith(_IGNORED)]
    if long and (wrong := [column for column in columns if column not in _LONG]):
        raise SpecError(
            f"`{name}` has a column `mean`, so it should have one row a number and the columns {', '.join((key, *_LONG[:3]))}, "
            f"and perhaps {', '.join((_SPREAD[0], *_ABOUT[:3]))}. Found {', '.join(wrong)} too. {FORMAT}."
        )
    values = []
    for line, cells in enumerate(rows[1:], start=2):
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        values += _long(row, key, name, line) if long else _wide(row, key, columns, name, line)
    return values


def _long(row: Mapping[str, str], key: str, name: str, line: int) -> list[Value]:
    """The one number of a row."""
    mean, spread = _number(row.get("mean", ""), name, line, "mean")
    own = next((row[column] for column in _SPREAD if row.get(column)), "")
    if own:
        spread, _ = _number(own, name, line, "spread")
    column = "/".join(word for word in (row.get("task", ""), row.get("metric", "")) if word)
    return [] if mean is None else [_value(row, key, name, line, column, mean, spread)]


def _wide(row: Mapping[str, str], key: str, columns: Sequence[str], name: str, line: int) -> list[Value]:
    """The numbers of a strategy."""
    found = []
    for column in columns:
        mean, spread = _number(row.get(column, ""), name, line, column)
        if mean is not None:
            found.append(_value(row, key, name, line, column, mean, spread))
    return found


def _value(
    row: Mapping[str, str], key: str, name: str, line: int, column: str, mean: float, spread: float | None
) -> Value:
    fraction, _ = _number(row.get("fraction", ""), name, line, "fraction")
    runs, _ = _number(next((row[c] for c in _RUNS if row.get(c)), ""), name, line, "runs")
    return Value(
        line=line,
        strategy=row.get(key, ""),
        dataset=row.get("dataset", ""),
        fraction=1.0 if fraction is None else fraction,
        column=column,
        number=Number(mean=mean, spread=spread, derived=False, runs=None if runs is None else int(runs)),
    )


def _number(cell: str, name: str, line: int, column: str) -> tuple[float | None, float | None]:
    """The value of a cell and what stands behind its ±; None for an empty cell. Raises SpecError."""
    if cell in ("", "-", "–", "—", "nan", "NaN"):
        return None, None
    parts = re.split(r"\s*(?:±|\+/-|\+-)\s*", cell.replace("−", "-").removesuffix("%").strip())
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 2 or not all(map(math.isfinite, numbers)):
        raise SpecError(
            f"Row {line} of `{name}` should have a number in the column `{column}`, such as 97.2 or 97.2 ± 0.3, or nothing. "
            f"Found `{shown(cell)}`."
        )
    return numbers[0], numbers[1] if len(numbers) == 2 else None
