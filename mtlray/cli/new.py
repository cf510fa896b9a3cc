"""The command that writes a sweep file to start from. It knows the files that travel with mtlray, and loads none of them."""

import os
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Annotated

import typer

from mtlray.checks import require
from mtlray.cli.app import app
from mtlray.errors import SpecError, unknown_name


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the sweep, and of the file: NAME.py.")],
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="SWEEP", help="Copy a shipped sweep, such as quickstart or gong2019_table1."),
    ] = None,
) -> None:
    """Write a commented sweep file in this folder, ready to run and to change."""
    path = Path(f"{name}.py")
    text = sweep_text(name, source)
    if os.path.lexists(path):
        raise SpecError(_taken(path))
    _require_hides_nothing(name)
    _write(path, text)
    print(f"{path} is written. See what it would run: mtlray plan {path}. Run it: mtlray run {path}")


def sweep_text(name: str, source: str | None = None) -> str:
    """The text of a sweep file for a sweep of this name, after the starting point or the shipped sweep `source`.

    Raises SpecError for a name that is none, and for a sweep that is not shipped.
    """
    from importlib.resources import files

    require(
        re.fullmatch(r"[A-Za-z0-9_]+", name) is not None,
        "NAME",
        "be made of letters, digits and `_`, without `.py`; it names the file, the sweep and its results",
        repr(name),
    )
    folder = files("mtlray") / "shipped"
    shipped = {
        file.name.removesuffix(".py"): file for file in (folder / "sweeps").iterdir() if file.name.endswith(".py")
    }
    if source is not None and source not in shipped:
        raise unknown_name("shipped sweep", source, shipped)
    was, file = ("study", folder / "study.py") if source is None else (source, shipped[source])
    text = file.read_text(encoding="utf-8").replace(f'name="{was}"', f'name="{name}"')
    return text.replace(f"{was}.py", f"{name}.py")  # the commands in the docstring


def _require_hides_nothing(name: str) -> None:
    """Raise SpecError where a module of that name can be imported: from this folder, the new file would be in its place."""
    known = name in sys.stdlib_module_names or name in sys.modules or PathFinder.find_spec(name) is not None
    if known:
        raise SpecError(
            f"A sweep file should not hide an installed module from programs that start in its folder. Found `{name}`, which "
            f"Python imports. Take another name, such as `my_{name}`."
        )


def _write(path: Path, text: str) -> None:
    """Make a file of this text; whatever is there by that name is left as it is. Raises SpecError."""
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        raise SpecError(_taken(path)) from None
    except OSError as error:
        raise SpecError(
            f"The new sweep file should be written to this folder. Found that {path.absolute()} cannot be: {error.strerror}. "
            "Change to a folder of yours and run the same command again."
        ) from error
    try:
        with file:
            file.write(text)
    except OSError as error:
        path.unlink()  # a half of a file would pass for the user's own
        raise SpecError(
            f"The new sweep file should be written to {path.absolute()}. Found: {error.strerror}. Nothing was left there; make "
            "room and run the same command again."
        ) from error


def _taken(path: Path) -> str:
    return (
        f"`mtlray new` writes a new file and changes no other. Found {path.absolute()} there already. Take another name, or move "
        "it away first."
    )
