"""The data verbs of the command line: list, prepare, import and verify a source."""

from collections.abc import Callable
from pathlib import Path

from mtlray.data import prepared
from mtlray.data.digits import MNIST_FILES, SOURCES, Source, import_mnist, mnist_folder
from mtlray.data.multi_mnist import MultiMNIST
from mtlray.errors import DataError, SpecError, unknown_name


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise unknown_name("data source", name, SOURCES)
    return SOURCES[name]


def _is_here(source: Source, root: Path) -> bool:
    return source.name == "mnist5k" or all((mnist_folder(root) / file).is_file() for file in MNIST_FILES)


def describe_sources(root: Path) -> str:
    """One paragraph for each source."""
    parts = []
    for source in SOURCES.values():
        made = [folder.name for folder in _prepared(source, root)]
        get = f"no: mtlray data prepare {source.name}, or mtlray data import {source.name} FOLDER"
        parts.append(
            f"{source.name}\n"
            f"  what      {source.description}; used by MultiMNIST\n"
            f"  size      {source.size}\n"
            f"  terms     {source.terms}\n"
            f"  from      {source.address}\n"
            f"  here      {'yes' if _is_here(source, root) else get}\n"
            f"  prepared  {', '.join(made) if made else 'nothing yet'}"
        )
    files = "\n".join(f"  {name}  md5 {md5}" for name, md5 in MNIST_FILES.items())
    return (
        "\n\n".join(parts)
        + f"\n\nThe four official MNIST files, for `mtlray data import mnist FOLDER`:\n{files}\nData lies in {root}."
    )


def prepare_source(name: str, root: Path) -> str:
    """Make the arrays of the default layout. Raises DataError where the source cannot be had."""
    source = _source(name)
    dataset = MultiMNIST(source=source.name)
    mark = dataset.prepare(root)
    return f"{dataset.origin}: prepared in {root}, fingerprint {mark}."


def import_source(name: str, folder: Path, root: Path) -> str:
    """Raises SpecError for a source that needs no import, DataError for damaged files."""
    importers: dict[str, Callable[[Path, Path], Path]] = {"mnist": import_mnist}
    _source(name)
    if name not in importers:
        raise SpecError(f"`{name}` is installed with mtlray and needs no import. Found `mtlray data import {name}`.")
    return f"{name} is now in {importers[name](folder, root)}."


def verify_source(name: str, root: Path) -> str:
    """Raises DataError for a source that is not there, and for the first file or array that its checksum does not fit."""
    source = _source(name)
    if name == "mnist" and not _is_here(source, root):
        raise DataError(
            f"The MNIST files should be in {mnist_folder(root)}. Found not all of them. "
            "Run `mtlray data prepare mnist`, or `mtlray data import mnist FOLDER`."
        )
    source.read(root)
    folders = _prepared(source, root)
    marks = [f"{folder.name}: fingerprint {prepared.load(folder)[1]}" for folder in folders]
    return "\n".join([f"{name}: the source is whole", *marks])


def _prepared(source: Source, root: Path) -> list[Path]:
    """The folders of arrays that were made from a source."""
    folders = (root / "prepared").glob(f"*-{source.name}-*/meta.json")
    return sorted(path.parent for path in folders)
