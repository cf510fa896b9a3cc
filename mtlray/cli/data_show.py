"""The command that draws a data set."""

from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.arguments import DataFolder
from mtlray.cli.data import DataSource, data_app
from mtlray.cli.options import with_options
from mtlray.errors import SpecError


@data_app.command("show")
@with_options
def data_show(
    name: DataSource,
    out: Annotated[Path, typer.Option("--out", help="Picture to write: a .png, .pdf or .svg file.")],
    config: DataFolder,
    examples: Annotated[int, typer.Option("--examples", min=1, help="Examples of each split.")] = 3,
) -> None:
    """Draw some examples of a data set with their labels: one picture for each form that was imported."""
    from mtlray.data.catalog.pictures import arrays_of, draw, specs_of, vocabulary_of

    if out.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise SpecError(f"Option --out should name a .png, .pdf or .svg file. Found `{out}`.")
    root = Path(config.data)
    specs = specs_of(name, root)
    for spec in specs:
        path = out if len(specs) == 1 else out.with_stem(f"{out.stem}-{spec.label}")
        draw(spec, arrays_of(spec, root), path, examples, vocabulary_of(spec, root))
        print(f"{path}: {spec.origin}")
