"""The data verbs of the command line: list, prepare, import and verify a source."""

from pathlib import Path

from mtlray.data import prepared
from mtlray.data.digits import MNIST_FILES, SOURCES, Source, import_mnist, mnist_folder
from mtlray.data.importable import IMPORTABLE, Importable, ImportOptions
from mtlray.data.multi_mnist import MultiMNIST
from mtlray.errors import DataError, SpecError, unknown_name


def _source(name: str) -> Source | Importable:
    if name in SOURCES:
        return SOURCES[name]
    if name in IMPORTABLE:
        return IMPORTABLE[name]
    raise unknown_name("data source", name, [*SOURCES, *IMPORTABLE])


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
    parts += [_describe(source, root) for source in IMPORTABLE.values()]
    files = "\n".join(f"  {name}  md5 {md5}" for name, md5 in MNIST_FILES.items())
    return (
        "\n\n".join(parts)
        + f"\n\nThe four official MNIST files, for `mtlray data import mnist FOLDER`:\n{files}\nData lies in {root}."
    )


def _describe(source: Importable, root: Path) -> str:
    imports = [
        f"{folder.name}, fingerprint {prepared.recorded_fingerprint(folder)}" for folder in _imports(source, root)
    ]
    indent = "\n            "
    return (
        f"{source.name}\n"
        f"  what      {source.description}; used by {source.used_by}\n"
        f"  size      {source.size}\n"
        f"  terms     {source.terms}\n"
        f"  from      {indent.join(source.addresses)}\n"
        f"  forms     {source.forms}\n"
        f"  here      {indent.join(imports) if imports else f'no: mtlray data import {source.name} PATH'}"
    )


def prepare_source(name: str, root: Path) -> str:
    """Make the arrays of the default layout. Raises DataError where the source cannot be had."""
    source = _source(name)
    if isinstance(source, Importable):
        if _imports(source, root):
            return f"{name} is imported. Sweeps prepare the rest by themselves.\n{_describe(source, root)}"
        addresses = "\n".join(f"  {line}" for line in source.addresses)
        raise DataError(
            f"mtlray does not fetch {name}; you bring it. Terms: {source.terms}.\n{addresses}\n"
            f"Then run `mtlray data import {name} PATH`, where PATH is {source.forms}."
        )
    dataset = MultiMNIST(source=source.name)
    mark = dataset.prepare(root)
    return f"{dataset.origin}: prepared in {root}, fingerprint {mark}."


def import_source(name: str, path: Path, root: Path, options: ImportOptions) -> str:
    """Raises SpecError for a source that needs no import or an option without use, DataError for damaged files."""
    source = _source(name)
    if isinstance(source, Importable):
        return source.run(path, root, options)
    if name != "mnist":
        raise SpecError(f"`{name}` is installed with mtlray and needs no import. Found `mtlray data import {name}`.")
    options.only(name)
    return f"{name} is now in {import_mnist(path, root)}."


def verify_source(name: str, root: Path) -> str:
    """Raises DataError for a source that is not there, and for the first file or array that its checksum does not fit."""
    source = _source(name)
    if isinstance(source, Importable):
        folders = _imports(source, root)
        if not folders:
            raise DataError(
                f"{name} should have been imported to {root / name}. Found nothing there. "
                f"Run `mtlray data import {name} PATH`; `mtlray data list` says where to get it."
            )
    else:
        if name == "mnist" and not _is_here(source, root):
            raise DataError(
                f"The MNIST files should be in {mnist_folder(root)}. Found not all of them. "
                "Run `mtlray data prepare mnist`, or `mtlray data import mnist FOLDER`."
            )
        source.read(root)
        folders = _prepared(source, root)
    marks = [f"{folder.name}: fingerprint {prepared.load(folder, check=True)[1]}" for folder in folders]
    return "\n".join([f"{name}: the source is whole", *marks])


def _prepared(source: Source, root: Path) -> list[Path]:
    """The folders of arrays that were made from a source."""
    folders = (root / "prepared").glob(f"*-{source.name}-*/meta.json")
    return sorted(path.parent for path in folders)


def _imports(source: Importable, root: Path) -> list[Path]:
    """The folders of arrays that were imported."""
    return sorted(path.parent for path in (root / source.name).glob("*/meta.json"))
