"""Files: figures as PNG, PDF and SVG, the same bytes for the same results."""

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from mtlray.analysis.figures.captions import write_caption
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.registry import FIGURES, figure, kind
from mtlray.analysis.figures.scene import NothingToDraw, scene
from mtlray.analysis.figures.style import PARAMETERS
from mtlray.analysis.grid.load import Results
from mtlray.analysis.grid.selection import rule_of
from mtlray.analysis.grid.tuning import tuned
from mtlray.errors import unknown_name
from mtlray.own_settings import own_settings

# Without dates, so that drawing again changes nothing.
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}
FORMATS = tuple(_METADATA)


def encode(drawn: Figure, format: str, *, text_as_paths: bool = True) -> bytes:
    """A figure as the bytes of a file. `text_as_paths` (SVG) keeps its looks where the font is missing.

    Raises SpecError for an unknown format.
    """
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    FigureCanvasAgg(drawn)
    parameters = PARAMETERS | {"svg.hashsalt": "mtlray", "svg.fonttype": "path" if text_as_paths else "none"}
    buffer = io.BytesIO()
    with own_settings(parameters):
        if (engine := drawn.get_layout_engine()) is not None:
            engine.execute(drawn)
            drawn.set_layout_engine("none")
        if format == "svg":  # savefig would draw everything twice, the first time for the layout alone
            FigureCanvasSVG(drawn).print_svg(buffer, metadata=_METADATA[format])  # type: ignore[no-untyped-call]
        else:
            drawn.savefig(buffer, format=format, metadata=_METADATA[format])
    return buffer.getvalue()


def draw(results: Results, name: str, *, dataset: str | None = None, select: str | None = None) -> Drawing:
    """One kind of figure of a data set (default: the first), as an object of matplotlib and its caption; for a notebook.

    Raises SpecError for unknown names, NothingToDraw where there is nothing to show, and what `tuned` and `scene` raise.
    """
    if not results.datasets:
        raise NothingToDraw("the sweep plans no trial")
    if dataset is not None and dataset not in results.datasets:
        raise unknown_name("data set", dataset, results.datasets)
    selected = rule_of(select, results.sweep)
    return figure(name, scene(tuned(results), selected, dataset or results.datasets[0]))


def save(
    results: Results,
    folder: Path,
    *,
    names: Sequence[str] | None = None,
    formats: Sequence[str] = ("png", "pdf"),
    select: str | None = None,
    rates: str | None = None,
) -> list[str]:
    """Write figures as `folder/<data set>.<name>.<format>`; returns a line for each: its path, or why there is none.

    The caption stands below each figure, so that a file says by itself what it shows.
    `rates` is as in `mtlray.analysis.tables.table`. Raises SpecError for unknown names, and what `tuned` and `scene` raise.
    """
    for format in formats:
        if format not in FORMATS:
            raise unknown_name("format", format, FORMATS)
    kinds = [kind(name) for name in names] if names is not None else list(FIGURES)
    selected = rule_of(select, results.sweep)
    results = tuned(results, rates)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    sweep = str(results.sweep.get("name") or results.ledger.sweep)
    for dataset in results.datasets:
        part = scene(results, selected, dataset)
        for wanted in kinds:
            try:
                drawing = figure(wanted.name, part)
            except NothingToDraw as error:
                lines.append(f"no figure {dataset}.{wanted.name}: {error}")
                continue
            with own_settings(PARAMETERS):
                write_caption(
                    drawing.figure, f"{wanted.title}. {sweep}, {dataset}. {drawing.caption}{_chosen(results)}"
                )
            for format in formats:
                path = folder / f"{dataset}.{wanted.name}.{format}"
                path.write_bytes(encode(drawing.figure, format))
                lines.append(str(path))
    return lines


def _chosen(results: Results) -> str:
    """How each strategy's learning rate was chosen, where there were several."""
    return f" Configurations: {results.rates.description}." if results.rates.rule else ""
