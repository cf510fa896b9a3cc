"""The application that commands register with. Nothing heavy is imported before a command runs."""

from typing import Annotated

import typer

from mtlray import __version__

app = typer.Typer(
    help="From a sweep file to a trustworthy mean±std table of multi-task learning strategies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> bool:
    if value:
        print(f"mtlray {__version__}")
        raise typer.Exit
    return value


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version
