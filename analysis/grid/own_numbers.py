"""Own numbers: a user's CSV of published results, under the names of the sweep that it stands beside."""

import re
from collections.abc import Sequence
from pathlib import Path

from mtlray.analysis.grid.cells import SINGLE_TASK
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.published import resolve
from mtlray.analysis.grid.published_tables.base import Key, Number, PublishedTable
from mtlray.analysis.grid.published_tables.reading import FORMAT, Value, read
from mtlray.errors import ResultsError, SpecError
from mtlray.words.values import shown

# What papers call strategies whose key here is another word.
_CALLED = {"stl": SINGLE_TASK, "singletask": SINGLE_TASK, "ls": "equal", "uw": "uncertainty"}


def beside(against: str, results: Results) -> PublishedTable:
    """The table that `--against` means: a published one as `resolve` knows it, or a CSV file of the user's.

    Raises SpecError for an unknown name and for a file that cannot be read, ResultsError where a file's columns or strategies are
    not those of the sweep.
    """
    path = Path(against).expanduser()
    if path.suffix.lower() != ".csv" and not path.is_file():
        return resolve(against, results.sweep.get("published"), results.datasets)
    values = read(_text(path), path.name)
    given = _fitted(values, results, path.name)
    return PublishedTable(
        name=path.name,
        source=f"{len(given)} numbers of {path}",
        dataset="",
        notes=(),
        runs=None,
        label=path.stem,
        numbers=lambda: given,
    )


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


def _fitted(values: Sequence[Value], results: Results, name: str) -> dict[Key, Number]:
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
        f"a metric that one task alone has may stand without the task. {FORMAT}."
    )
