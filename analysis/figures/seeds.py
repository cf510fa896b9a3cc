"""Seeds: how many stand behind what is drawn, whose were lost, and the words and the mark that say so."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.lines import Line2D

from mtlray.analysis.figures.scene import Scene, listed
from mtlray.analysis.figures.style import FAINT
from mtlray.analysis.grid.cells import Cell
from mtlray.words.values import per_cent

ONE_SEED = Line2D([], [], color=FAINT, marker=".", linestyle="", markersize=4, label="one seed")  # for a legend
MARK = "†"  # of a series that stands on fewer seeds than planned, or on others than most


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeds:
    """The seeds of a scene's series.

    `usual` says in words how many most series have; `odd` the same of each series that differs from most at some fraction, or
    that lost a seed; `nothing` are those of `odd` without any.
    """

    usual: str
    odd: dict[str, str]
    nothing: frozenset[str]

    def label(self, scene: Scene, series: str) -> str:
        """A series as a legend names it, with MARK where its seeds differ."""
        return f"{scene.label(series)} {MARK}" if series in self.odd else scene.label(series)

    def note(self, shown: Iterable[str]) -> str:
        """The sentences of a caption: n, the series that differ, and those that are not shown because no seed is left."""
        shown = set(shown)
        marked, missing = (
            _joined({name: words for name, words in self.odd.items() if name in names})
            for names in (shown, self.nothing - shown)
        )
        return f"n = {self.usual}" + (listed(f"; {MARK} ", marked) or ".") + listed(" Left out: ", missing)


def seeds(scene: Scene) -> Seeds:
    """The seeds of each series, by its cell with fewest at each fraction."""
    fewest: dict[str, dict[float, Cell]] = {}
    for (strategy, column), cell in scene.grid.cells.items():
        of = fewest.setdefault(scene.series[strategy], {})
        if column.fraction not in of or cell.n < of[column.fraction].n:
            of[column.fraction] = cell
    usual = {f: _most([of[f] for of in fewest.values() if f in of]) for f in scene.fractions}
    odd: dict[str, str] = {}
    for name in scene.names:
        of = fewest.get(name, {})
        words = {f: _words(cell) for f, cell in of.items() if cell.lost or (cell.n, cell.expected) != usual[f]}
        if words:
            odd[name] = _by_fraction(words, every=len(words) == len(of))
    return Seeds(
        usual=_by_fraction({f: _n(*found) for f, found in usual.items()}, every=True),
        odd=odd,
        nothing=frozenset(name for name, of in fewest.items() if not any(cell.n for cell in of.values())),
    )


def _most(cells: Sequence[Cell]) -> tuple[int, int]:
    """The n, and of how many, that most cells with a number have; of equals the larger one."""
    counts = Counter((cell.n, cell.expected) for cell in cells if cell.n)
    return (
        max(counts, key=lambda found: (counts[found], found)) if counts else (0, max(cell.expected for cell in cells))
    )


def _n(n: int, expected: int) -> str:
    """`5 seeds`, `2 of 5 seeds`."""
    return (f"{n} of " if n != expected else "") + f"{expected} seed{'s' if expected != 1 else ''}"


def _words(cell: Cell) -> str:
    """`2 of 3 (1 diverged)`."""
    lost = [(cell.diverged, "diverged"), (cell.failed, "failed"), (cell.not_finite, "not finite")]
    why = ", ".join(f"{count} {word}" for count, word in lost if count)
    return f"{cell.n} of {cell.expected}" + (f" ({why})" if why else "")


def _by_fraction(words: dict[float, str], *, every: bool) -> str:
    """Words once where all fractions have the same, else beside the fractions that they are about."""
    if every and len(set(words.values())) == 1:
        return next(iter(words.values()))
    grouped: dict[str, list[float]] = {}
    for fraction, text in sorted(words.items(), reverse=True):
        grouped.setdefault(text, []).append(fraction)
    return ", ".join(f"{text} at {' and '.join(f'{per_cent(f)} %' for f in of)}" for text, of in grouped.items())


def _joined(words: dict[str, str]) -> list[str]:
    """Names with the same words are named together: `dwa, rlw 2 of 3`."""
    grouped: dict[str, list[str]] = {}
    for name, text in words.items():
        grouped.setdefault(text, []).append(name)
    return [f"{', '.join(names)} {text}" for text, names in grouped.items()]
