"""Commands on data sets."""

from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.options import DATA, Data

data_app = typer.Typer(help="The data sets: what is here, how to get it, whether it is whole.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@data_app.command("list")
def data_list(data: Data = DATA) -> None:
    """Each source: what it is, size, terms, where to get it, whether it is here."""
    from mtlray.data.sources import describe_sources

    print(describe_sources(Path(data).expanduser()))


@data_app.command("prepare")
def data_prepare(name: Annotated[str, typer.Argument(metavar="NAME")], data: Data = DATA) -> None:
    """Fetch a source and make the default arrays from it; sweeps do so by themselves."""
    from mtlray.data.sources import prepare_source

    print(prepare_source(name, Path(data).expanduser()))


@data_app.command("import")
def data_import(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER")],
    data: Data = DATA,
) -> None:
    """Take a source from files that you have."""
    from mtlray.data.sources import import_source

    print(import_source(name, folder, Path(data).expanduser()))


@data_app.command("verify")
def data_verify(name: Annotated[str, typer.Argument(metavar="NAME")], data: Data = DATA) -> None:
    """Compare a source's files, and all arrays made from it, with their checksums."""
    from mtlray.data.sources import verify_source

    print(verify_source(name, Path(data).expanduser()))
