"""Write the tables of the documents from the results that the repository keeps.

python benchmarks/paper/write.py [--check]

A block of a document begins with a comment that says how it is made, and ends with `<!-- end -->`:

<!-- table docs/results/gong2019_table1 --against gong2019 -->     as `mtlray table`, in Markdown
<!-- agreement docs/results/gong2019_table2_readings -->           as `python benchmarks/paper/agreement.py`
<!-- figure1 docs/results/gong2019_table2 gong2019-figure1.png --> the picture in docs/images, its caption and its numbers

`--check` changes nothing and fails where a block is not what it should be. The picture is drawn without `--check` alone, and not
compared: t-SNE rounds otherwise on other machines.
"""

import argparse
import re
import shlex
import sys
from pathlib import Path

from agreement import readings_of
from agreement import render as render_agreement

from mtlray.analysis import TableOptions, load, render_table
from mtlray.analysis.figures.files import draw, encode
from mtlray.analysis.figures.kinds.gong2019_figure1 import caption, numbers, stored
from mtlray.analysis.figures.scene import scene
from mtlray.analysis.grid.selection import rule
from mtlray.analysis.layout.listing import number
from mtlray.errors import SpecError

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"(?P<begin>^<!-- (?P<how>(?:table|agreement|figure1) .*?) -->\n)(?P<made>.*?)(?P<end>^<!-- end -->$)", re.M | re.S
)


def rewritten(text: str, *, pictures: bool) -> str:
    """A document with its blocks made anew; `pictures` are drawn too, else only what stands below them.

    Raises SpecError for a command that there is not, and what reading results raises.
    """
    return _BLOCK.sub(lambda found: f"{found['begin']}{made(found['how'], pictures=pictures)}\n{found['end']}", text)


def made(how: str, *, pictures: bool) -> str:
    """The text of one block: `how` is what its comment says. Raises as `rewritten` does."""
    kind, folder, *arguments = shlex.split(how)
    path = str(ROOT / folder)
    if kind == "table":
        return f"\n{render_table(path, _options(arguments), format='markdown')}\n"
    if kind == "agreement":
        results = load(path)
        select = _options(arguments).select or results.sweep["selection"]
        return f"\n{render_agreement(readings_of(results, select), select)}\n"
    if len(arguments) != 1:
        raise SpecError(f"A block of figure1 should name a folder and a file. Found `{how}`.")
    return f"\n{_figure(path, arguments[0], pictures)}\n"


def _options(arguments: list[str]) -> TableOptions:
    """The options of `mtlray table` as pairs of a name and a value."""
    names, values = arguments[::2], arguments[1::2]
    if len(names) != len(values) or not all(name.startswith("--") for name in names):
        raise SpecError(f"A block should have options with values, as `--select last`. Found `{' '.join(arguments)}`.")
    return TableOptions(**{name.removeprefix("--"): value for name, value in zip(names, values, strict=True)})


def _figure(path: str, file: str, pictures: bool) -> str:
    """The picture, its caption and its numbers."""
    results = load(path)
    part = scene(results, rule(results.sweep["selection"]), results.datasets[0])
    if pictures:
        (DOCS / "images" / file).write_bytes(encode(draw(results, "gong2019-figure1").figure, "png"))
    lines = [
        "| row | epoch | silhouette | silhouette of 4 and 9 | 10 nearest neighbours |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.row} | {row.epoch} | {number(row.silhouette, 2)} | {number(row.silhouette_pair, 2)} | "
        f"{number(row.neighbours_accuracy, 1)} % |"
        for row in numbers(part).itertuples()
    ]
    said = caption(stored(part))
    return "\n".join([f"![Figure 1 of Gong et al. 2019, from our trials](images/{file})", "", said, "", *lines])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="change nothing; fail where something would change")
    chosen = options.parse_args()
    stale = []
    for path in sorted(DOCS.glob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = rewritten(before, pictures=not chosen.check)
        if before != after:
            stale.append(path.name)
            if not chosen.check:
                path.write_text(after, encoding="utf-8")
    print(f"{'differ' if chosen.check else 'written'}: {', '.join(stale) or 'none'}")
    sys.exit(bool(stale and chosen.check))


if __name__ == "__main__":
    main()
