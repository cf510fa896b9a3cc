"""Seeds: how many stand behind what is drawn, whose were lost, and the words and the mark that say so."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mtlray.analysis.figures.scene import Scene, listed
from mtlray.analysis.grid.cells import Cell
from mtlray.words.values import per_cent

MARK = "†"  # of a series that stands on fewer seeds than planned, or on others than most


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeds:
    """The seeds of a scene's series: `usual`, the number that most cells have; `odd`, in words, by series that differs."""

    usual: int
    odd: dict[str, str]

    def label(self, scene: Scene, series: str) -> str:
        """A series as a legend names it, with MARK where its seeds differ."""
        return f"{scene.label(series)} {MARK}" if series in self.odd else scene.label(series)

    def note(self, shown: Iterable[str]) -> str:
        """The sentences of a caption: n, the series that differ, and those that are not shown because no seed is left."""
        shown = set(shown)
        marked = [f"{name} {words}" for name, words in self.odd.items() if name in shown]
        missing = [f"{name} {words}" for name, words in self.odd.items() if name not in shown]
        n = f"n = {self.usual} seed{'s' if self.usual != 1 else ''}"
        return n + (listed(f"; {MARK} other seeds: ", marked) or ".") + listed(" Left out: ", missing)


def seeds(scene: Scene) -> Seeds:
    """The seeds of each series, by its cell with fewest at each fraction."""
    fewest: dict[str, dict[float, Cell]] = {}
    for (strategy, column), cell in scene.grid.cells.items():
        of = fewest.setdefault(scene.series[strategy], {})
        if column.fraction not in of or cell.n < of[column.fraction].n:
            of[column.fraction] = cell
    counts = Counter(cell.n for of in fewest.values() for cell in of.values() if cell.n)
    usual = max(counts, key=lambda n: (counts[n], n)) if counts else 0
    odd: dict[str, str] = {}
    for name in scene.names:
        of = fewest.get(name, {})
        words = {f: _words(cell) for f, cell in of.items() if not (cell.complete and cell.n == usual)}
        if not words:
            continue
        if len(words) == len(of) and len(set(words.values())) == 1:
            odd[name] = next(iter(words.values()))
        else:
            odd[name] = ", ".join(f"{text} at {per_cent(f)} %" for f, text in sorted(words.items(), reverse=True))
    return Seeds(usual=usual, odd=odd)


def _words(cell: Cell) -> str:
    """`2 of 3 (1 diverged)`."""
    lost = [(cell.diverged, "diverged"), (cell.failed, "failed"), (cell.not_finite, "not finite")]
    why = ", ".join(f"{count} {word}" for count, word in lost if count)
    return f"{cell.n} of {cell.expected}" + (f" ({why})" if why else "")
