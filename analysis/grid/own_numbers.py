"""Own numbers: a user's CSV of published results, in one row a strategy or in one row a number, as docs/analysis.md describes."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtlray.analysis.grid.cells import SINGLE_TASK
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.published import Key, Number, PublishedTable, resolve
from mtlray.errors import ResultsError, SpecError
from mtlray.words.values import shown

_STRATEGY = ("strategy", "method")
_SPREAD = ("spread", "std")
_RUNS = ("runs", "n")
_ABOUT = ("fraction", "dataset", *_RUNS)  # of a row, whichever form
_LONG = ("task", "metric", "mean", *_SPREAD)
_IGNORED = "delta_m"  # what such columns hold follows from the others
_FORMAT = 'docs/analysis.md, "Beside a paper\'s numbers, or your own", describes the format'
# What papers call strategies whose key here is another word.
_CALLED = {"stl": SINGLE_TASK, "singletask": SINGLE_TASK, "ls": "equal", "uw": "uncertainty"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Value:
    """One number as the file has it: `column` names a task's metric, as `left/accuracy`, `accuracy` or `left`."""

    line: int
    strategy: str
    dataset: str
    fraction: float
    column: str
    number: Number


def beside(against: str, results: Results) -> PublishedTable:
    """The table that `--against` means: a published one as `resolve` knows it, or a CSV file of the user's.

    Raises SpecError for an unknown name and for a file that cannot be read, ResultsError where a file's columns or strategies are
    not those of the sweep.
    """
    path = Path(against).expanduser()
    if path.suffix.lower() != ".csv" and not path.is_file():
        return resolve(against, results.sweep.get("published"))
    values = read(_text(path), path.name)
    given = _fitted(values, results, path.name)
    return PublishedTable(
        name=path.name,
        source=f"{len(given)} numbers of {path}",
        dataset="",
        notes=(),
        runs=None,
        label=path.stem,
        given=given,
    )


def read(text: str, name: str) -> list[_Value]:
    """The numbers of a CSV text. Raises SpecError, which names the file `name`, for what is not one of the two forms."""
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    header = [cell.strip() for cell in rows[0]] if rows else []
    key = next((column for column in header if column.lower() in _STRATEGY), None)
    if key is None or len(rows) < 2:
        found = f"the columns {', '.join(header)}" if header and key is None else f"{max(0, len(rows) - 1)} rows"
        raise SpecError(
            f"`{name}` should hold a table with a column `strategy` (or `method`) and numbers. Found {found}. {_FORMAT}."
        )
    if len(set(header)) < len(header):
        raise SpecError(f"The columns of `{name}` should have different names. Found {', '.join(header)}. {_FORMAT}.")
    long = "mean" in header
    columns = [column for column in header if column not in (key, *_ABOUT) and not column.startswith(_IGNORED)]
    if long and (wrong := [column for column in columns if column not in _LONG]):
        raise SpecError(
            f"`{name}` has a column `mean`, so it should have one row a number and the columns {', '.join((key, *_LONG[:3]))}, "
            f"and perhaps {', '.join((_SPREAD[0], *_ABOUT[:3]))}. Found {', '.join(wrong)} too. {_FORMAT}."
        )
    values = []
    for line, cells in enumerate(rows[1:], start=2):
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        values += _long(row, key, name, line) if long else _wide(row, key, columns, name, line)
    return values


def _long(row: Mapping[str, str], key: str, name: str, line: int) -> list[_Value]:
    """The one number of a row."""
    mean, spread = _number(row.get("mean", ""), name, line, "mean")
    own = next((row[column] for column in _SPREAD if row.get(column)), "")
    if own:
        spread, _ = _number(own, name, line, "spread")
    column = "/".join(word for word in (row.get("task", ""), row.get("metric", "")) if word)
    return [] if mean is None else [_value(row, key, name, line, column, mean, spread)]


def _wide(row: Mapping[str, str], key: str, columns: Sequence[str], name: str, line: int) -> list[_Value]:
    """The numbers of a strategy."""
    found = []
    for column in columns:
        mean, spread = _number(row.get(column, ""), name, line, column)
        if mean is not None:
            found.append(_value(row, key, name, line, column, mean, spread))
    return found


def _value(
    row: Mapping[str, str], key: str, name: str, line: int, column: str, mean: float, spread: float | None
) -> _Value:
    fraction, _ = _number(row.get("fraction", ""), name, line, "fraction")
    runs, _ = _number(next((row[c] for c in _RUNS if row.get(c)), ""), name, line, "runs")
    return _Value(
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SpecError(
            f"Option --against should name a published table or a CSV file. `{path}` cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise SpecError(
            f"`{path}` should be text in UTF-8. Found a byte that is not. Save it as CSV in UTF-8."
        ) from error


def _fitted(values: Sequence[_Value], results: Results, name: str) -> dict[Key, Number]:
    """The numbers under the sweep's own names. Raises ResultsError where they are not about it."""
    rows = results.summary[results.summary["metric"].notna()]
    measures = list(rows[["task", "metric"]].drop_duplicates().itertuples(index=False, name=None))
    known = {_plain(own): own for own in _strategies(results)}
    columns = {value.column: _measure(value.column, measures, name) for value in values}
    given: dict[Key, Number] = {}
    lines: dict[Key, int] = {}
    for value in values:
        if value.dataset and value.dataset not in results.datasets:
            continue
        plain = _plain(value.strategy)
        key = (known.get(_CALLED.get(plain, plain), value.strategy), value.fraction, *columns[value.column])
        if plain in _CALLED and key[0] == value.strategy:
            key = (_CALLED[plain], *key[1:])
        if key in given:
            raise SpecError(
                f"`{name}` should have one number for a strategy, fraction, task and metric. Rows {lines[key]} and {value.line} "
                f"both have one for {value.strategy}, {value.column}."
            )
        given[key], lines[key] = value.number, value.line
    own = _strategies(results)
    if not any(key[0] in own for key in given):
        theirs = ", ".join(dict.fromkeys(value.strategy for value in values))
        raise ResultsError(
            f"`{name}` should have numbers of a strategy of this sweep. It names {theirs}; the sweep has {', '.join(own)}. Call "
            "them by the sweep's names."
        )
    return given


def _strategies(results: Results) -> list[str]:
    """The sweep's strategies, without the name of their sweep where there are several; single-task for those of one task."""
    expected = results.expected
    names = [results.namesakes.of.get(s, (s,))[0] for s in dict.fromkeys(expected["strategy"].tolist())]
    single = [SINGLE_TASK] if min(map(len, expected["tasks"]), default=0) == 1 else []
    return list(dict.fromkeys([*single, *names]))


def _plain(strategy: str) -> str:
    """A name without what papers and people write differently."""
    return re.sub(r"[^a-z0-9(),.=:]", "", strategy.lower())


def _measure(column: str, measures: Sequence[tuple[str, str]], name: str) -> tuple[str, str]:
    """The task and metric that a column is about. Raises ResultsError for none and for several."""
    full = [(task, metric) for task, metric in measures if column == f"{task}/{metric}"]
    metrics = [(task, metric) for task, metric in measures if column == metric]
    of_task = [(task, metric) for task, metric in measures if column == task]
    found = full or metrics or of_task[:1]  # a task by itself means its main metric
    if len(found) == 1:
        return found[0]
    listing = ", ".join(f"{task}/{metric}" for task, metric in found or measures)
    if found:
        raise ResultsError(f"Column `{column}` of `{name}` should say of which task it is: {listing}.")
    raise ResultsError(
        f"The columns of `{name}` should be metrics of this sweep. Found `{shown(column)}`. There are: {listing or 'none yet'}; "
        f"a metric that one task alone has may stand without the task. {_FORMAT}."
    )
