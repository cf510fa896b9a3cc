"""Commands on data sets."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.arguments import DataFolder
from mtlray.cli.asking import agreed
from mtlray.cli.options import with_options

data_app = typer.Typer(help="List, fetch, import, check and draw the data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")

DataSource = Annotated[
    str, typer.Argument(metavar="NAME", help="A data set from `mtlray data list`, such as mnist or nyuv2.")
]


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@data_app.command("list")
@with_options
def data_list(config: DataFolder) -> None:
    """List where to download each data set, which formats are accepted, its size and terms, and what is here and prepared."""
    from mtlray.data.catalog.sources import describe_sources
    from mtlray.data.catalog.stored import describe_stored

    print(f"{describe_sources(Path(config.data))}\n\n{describe_stored(Path(config.data))}")


@data_app.command("prepare")
@with_options
def data_prepare(
    name: DataSource,
    config: DataFolder,
    form: Annotated[
        str | None, typer.Option("--form", help="For nyuv2: mtan (default, as in the paper) or mat.")
    ] = None,
) -> None:
    """Download a data set and make the default arrays from it, or import it.

    Resumes an interrupted download. Sweeps download MNIST by themselves, and nothing else.
    """
    from mtlray.data.catalog.sources import prepare_source

    print(prepare_source(name, Path(config.data), form, _to_stderr))


@data_app.command("import")
@with_options
def data_import(
    name: DataSource,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder or file that you have.")],
    config: DataFolder,
    normals: Annotated[
        Path | None,
        typer.Option(
            "--normals",
            metavar="ARCHIVE",
            help="For nyuv2's official file: published surface normals. Default: computed from depth.",
        ),
    ] = None,
    no_normals: Annotated[bool, typer.Option("--no-normals", help="For nyuv2: leave surface normals out.")] = False,
    size: Annotated[
        int | None, typer.Option("--size", help="For faces: side in pixels. Default: 224, for celeba 64.")
    ] = None,
    min_face_score: Annotated[
        float | None, typer.Option("--min-face-score", help="For imdb_wiki: lowest face score to keep. Default: 1.")
    ] = None,
    test_subjects: Annotated[
        int | None, typer.Option("--test-subjects", help="For imdb_wiki: number of persons to test on. Default: 2100.")
    ] = None,
) -> None:
    """Import a data set from files that you have. Checks everything first: imports all of it, or nothing."""
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
    print(import_source(name, path, Path(config.data), options))


@data_app.command("verify")
@with_options
def data_verify(name: DataSource, config: DataFolder) -> None:
    """Check a data set's files, and all arrays made from them, against their checksums."""
    from mtlray.data.catalog.sources import verify_source

    print(verify_source(name, Path(config.data)))


@data_app.command("remove")
@with_options
def data_remove(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Prepared data from `mtlray data list`, or a data set's key.")
    ],
    config: DataFolder,
    sources: Annotated[
        bool, typer.Option("--sources", help="Also what was downloaded or imported, which has to be fetched again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
) -> None:
    """Remove prepared arrays. Sweeps that need them make them again."""
    from mtlray.data.catalog.stored import planned_removal

    removal = planned_removal(name, Path(config.data), sources=sources)
    print(removal.text())
    if agreed(yes, "Remove?"):
        print(removal.run())
