"""The commands that list models and data sets, mtlray's own and those of installed packages."""

import json as json_
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from mtlray.cli.app import app

_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
def models(json: _Json = False) -> None:
    """List every model: key, class, what it is, and the package it comes from."""
    from mtlray.models import MODELS
    from mtlray.models.installed import OFFERED

    _list(MODELS, OFFERED, json)


@app.command()
def datasets(json: _Json = False) -> None:
    """List every data set: key, class, what it is, and the package it comes from."""
    from mtlray.data import DATASETS
    from mtlray.data.installed import OFFERED

    _list(DATASETS, OFFERED, json)


def _list(shipped: Sequence[type], offered: Any, json: bool) -> None:
    """Print mtlray's own classes and those offered. A package that is broken hides none of mtlray's own."""
    from mtlray.errors import SpecError

    trouble: SpecError | None = None
    packages: dict[type, str] = {}
    try:
        packages = offered.classes()
    except SpecError as error:
        trouble = error
    listed = [
        {"key": cls.key, "class": cls.__name__, "about": _about(cls), "package": packages.get(cls, "")}  # type: ignore[attr-defined]
        for cls in (*shipped, *packages)
    ]
    if json:
        print(json_.dumps(listed, indent=1))
    else:
        widths = [max(len(entry[name]) for entry in listed) for name in ("key", "class")]
        for entry in listed:
            origin = f" [{entry['package']}]" if entry["package"] else ""
            print(f"{entry['key']:{widths[0]}}  {entry['class']:{widths[1]}}  {entry['about']}{origin}")
    if trouble is not None:
        raise trouble


def _about(cls: type) -> str:
    """The first paragraph of a class's docstring, in one line."""
    return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())
