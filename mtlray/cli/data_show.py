"""The command that draws a data set."""

from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.data import data_app
from mtlray.cli.options import DATA, Data, DataSource, data_folder


@data_app.command("show")
def data_show(
    name: DataSource,
    out: Annotated[Path, typer.Option("--out", help="The picture to write: a .png, .pdf or .svg file.")],
    data: Data = DATA,
    examples: Annotated[int, typer.Option("--examples", min=1, help="Examples of each split.")] = 3,
) -> None:
    """Draw some examples of a data set with their labels. One picture for each form that was imported."""
    from mtlray.data.catalog.pictures import draw, specs_of

    root = data_folder(data)
    specs = specs_of(name, root)
    for spec in specs:
        path = out if len(specs) == 1 else out.with_stem(f"{out.stem}-{spec.label}")
        spec.prepare(root)
        draw(spec, spec.load(root), path, examples)
        print(f"{path}: {spec.origin}")
