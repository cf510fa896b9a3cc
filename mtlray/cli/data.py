"""Commands on data sets."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.options import DATA, Data, DataSource, data_folder

data_app = typer.Typer(help="The data sets: what is here, how to get it, whether it is whole.", no_args_is_help=True)
app.add_typer(data_app, name="data")


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@data_app.command("list")
def data_list(data: Data = DATA) -> None:
    """Each source: what it is, size, terms, where to get it, whether it is here."""
    from mtlray.data.catalog.sources import describe_sources

    print(describe_sources(data_folder(data)))


@data_app.command("prepare")
def data_prepare(
    name: DataSource,
    data: Data = DATA,
    form: Annotated[str | None, typer.Option("--form", help="nyuv2: mtan (default, the paper's) or mat.")] = None,
) -> None:
    """Fetch a source and make the default arrays from it, or import it.

    Goes on where an earlier download broke off. Sweeps fetch MNIST by themselves, and nothing else.
    """
    from mtlray.data.catalog.sources import prepare_source

    print(prepare_source(name, data_folder(data), form, _to_stderr))


@data_app.command("import")
def data_import(
    name: DataSource,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder or file that you have.")],
    data: Data = DATA,
    normals: Annotated[
        Path | None,
        typer.Option(
            "--normals", metavar="ARCHIVE", help="nyuv2, official file: published normals; default: from depth."
        ),
    ] = None,
    no_normals: Annotated[bool, typer.Option("--no-normals", help="nyuv2: without surface normals.")] = False,
    size: Annotated[int | None, typer.Option("--size", help="Faces: pixels of a side; default 224.")] = None,
    min_face_score: Annotated[
        float | None, typer.Option("--min-face-score", help="imdb_wiki: the least score of a face; default 1.")
    ] = None,
    test_subjects: Annotated[
        int | None, typer.Option("--test-subjects", help="imdb_wiki: persons for testing; default 2100.")
    ] = None,
) -> None:
    """Take a source from files that you have. All is checked; either everything is imported or nothing."""
    from mtlray.data.catalog.importable import ImportOptions
    from mtlray.data.catalog.sources import import_source

    options = ImportOptions(
        normals=normals,
        no_normals=no_normals or None,
        size=size,
        min_face_score=min_face_score,
        test_subjects=test_subjects,
        say=_to_stderr,
    )
    print(import_source(name, path, data_folder(data), options))


@data_app.command("verify")
def data_verify(name: DataSource, data: Data = DATA) -> None:
    """Compare a source's files, and all arrays made from it, with their checksums."""
    from mtlray.data.catalog.sources import verify_source

    print(verify_source(name, data_folder(data)))
