"""The data verbs of the command line: list, prepare, import and verify a source."""

from collections.abc import Callable
from pathlib import Path

from mtlray.data.catalog.importable import IMPORTABLE, Importable, ImportOptions
from mtlray.data.catalog.stored import words_of
from mtlray.data.files import prepared
from mtlray.data.files.download import RemoteFile, fetch, unpack
from mtlray.data.multi_mnist.digits import SOURCES, Source, are_here
from mtlray.data.multi_mnist.spec import MultiMNIST
from mtlray.errors import DataError, SpecError, unknown_name
from mtlray.reading.causes import DiskError, guarded
from mtlray.storage.names import has_ending, is_side_file

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def _source(name: str) -> Source | Importable:
    if name in SOURCES:
        return SOURCES[name]
    if name in IMPORTABLE:
        return IMPORTABLE[name]
    raise unknown_name("data source", name, [*SOURCES, *IMPORTABLE])


def _whether_here(source: Source, root: Path) -> str:
    if not are_here(source.name, root):
        return f"no: mtlray data prepare {source.name}, or mtlray data import {source.name} FOLDER"
    if source.files is None:
        return "yes"
    try:
        source.files.check(source.files.folder(root))
    except DiskError:
        return f"yes, but the disk does not give it: `mtlray data verify {source.name}` says why"
    except DataError:
        return f"yes, but damaged: `mtlray data verify {source.name}` says how"
    return "yes, with the official checksums"


def describe_sources(root: Path) -> str:
    """One paragraph for each source."""
    parts = []
    for source in SOURCES.values():
        made = [folder.name for folder in _prepared(source, root)]
        parts.append(
            f"{source.name}\n"
            f"  what      {source.description}; used by MultiMNIST\n"
            f"  size      {source.size}\n"
            f"  terms     {source.terms}\n"
            f"  from      {source.address}\n"
            f"  here      {_whether_here(source, root)}\n"
            f"  prepared  {', '.join(made) if made else 'nothing yet'}"
        )
    parts += [_describe(source, root) for source in IMPORTABLE.values()]
    parts += [_official(source) for source in SOURCES.values() if source.files is not None]
    return "\n\n".join(parts) + f"\nData is stored in {root}."


def _official(source: Source) -> str:
    assert source.files is not None
    files = "\n".join(f"  {name}  md5 {md5}" for name, md5 in source.files.md5.items())
    return f"The four official {source.files.title} files, for `mtlray data import {source.name} FOLDER`:\n{files}"


def _describe(source: Importable, root: Path) -> str:
    verify = f"; `mtlray data verify {source.name}` compares its bytes"
    imports = [f"{folder.name}, {_state(folder)}" for folder in _imports(source, root)]
    indent = "\n            "
    return (
        f"{source.name}\n"
        f"  what      {source.description}; used by {source.used_by}\n"
        f"  size      {source.size}\n"
        f"  terms     {source.terms}\n"
        f"  from      {indent.join(source.addresses)}\n"
        f"  forms     {source.forms}\n"
        f"  here      {indent.join(imports) + verify if imports else _how_to_get(source)}"
    )


def _state(folder: Path) -> str:
    """What the record of an import says; one that is damaged is listed, too."""
    try:
        return f"fingerprint {prepared.recorded_fingerprint(folder)}"
    except DiskError:
        return "which the disk does not give"
    except DataError:
        return "damaged"


def _how_to_get(source: Importable) -> str:
    fetched = [f"mtlray data prepare {source.name}"] if source.remote else []
    if len(source.remote) > 1:
        fetched = [f"{fetched[0]} --form {form}" for form in source.remote]
    return f"no: {', or '.join([*fetched, f'mtlray data import {source.name} PATH'])}"


def prepare_source(name: str, root: Path, form: str | None, say: Callable[[str], None]) -> str:
    """Fetch what is not here and make the arrays of the default layout, or of an import with its default options.

    `form` names one of several forms. Raises SpecError for an unknown one, DataError where the source cannot be had.
    """
    source = _source(name)
    if isinstance(source, Importable):
        return _prepare_import(source, root, form, say)
    if form is not None:
        raise SpecError(f"`mtlray data prepare {name}` has no use for --form. Leave it out.")
    dataset = MultiMNIST(source=source.name)
    mark = dataset.prepare(root)
    return f"{dataset.origin}: prepared in {root}, fingerprint {mark}."


def _prepare_import(source: Importable, root: Path, form: str | None, say: Callable[[str], None]) -> str:
    name = source.name
    if form is not None and form not in source.remote:
        raise unknown_name(f"form of {name} that can be fetched", form, source.remote)
    wanted = form if len(source.remote) > 1 else None
    if any(wanted in (None, folder.name) for folder in _imports(source, root)):
        return f"{name} is imported. Sweeps prepare the rest by themselves.\n{_describe(source, root)}"
    addresses = "\n".join(f"  {line}" for line in source.addresses)
    by_hand = (
        f"Terms: {source.terms}.\n{addresses}\nThen run `mtlray data import {name} PATH`, where PATH is {source.forms}."
    )
    if not source.remote:
        raise DataError(f"mtlray does not download {name}; you have to bring it. {by_hand}")
    chosen = form or next(iter(source.remote))
    folder = root / "downloads" / name / chosen
    say(f"{name}, {chosen}: {source.size}. Terms: {source.terms}.")
    try:
        if len(source.remote[chosen]) == 1 and has_ending(source.remote[chosen][0].name, *_ARCHIVES):
            path = _unpacked(source.remote[chosen][0], folder, say)
        else:
            path = [fetch(file, folder, say) for file in source.remote[chosen]][-1].parent
    except DataError as error:
        raise DataError(f"{error}\nTo bring {name} yourself. {by_hand}") from error
    imported = source.run(path, root, ImportOptions(say=say))
    return f"{imported}\nThe download is in {folder}. Sweeps no longer need it."


def _unpacked(archive: RemoteFile, folder: Path, say: Callable[[str], None]) -> Path:
    """The content of an archive; of one that holds a single folder, that folder."""
    content = folder / "content"
    if not content.is_dir():
        fetched = fetch(archive, folder, say)
        say(f"unpacking {fetched.name}")
        unpack(fetched, content)
    inside = [path for path in content.iterdir() if not is_side_file(path.name)]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else content


def import_source(name: str, path: Path, root: Path, options: ImportOptions) -> str:
    """Raises SpecError for a source that needs no import or an option without use, DataError for damaged files."""
    source = _source(name)
    with guarded(f"`{path}`", f"a file or a folder with {name}"):
        path.exists()  # not allowed to look is another trouble than nothing there
    if isinstance(source, Importable):
        return source.run(path, root, options)
    if source.files is None:
        raise SpecError(f"`{name}` is installed with mtlray and needs no import. Found `mtlray data import {name}`.")
    options.only(name)
    return f"{name} is now in {source.files.bring(path, root)}."


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
        if source.files is not None and not are_here(name, root):
            raise DataError(
                f"The {source.files.title} files should be in {source.files.folder(root)}. Some are missing. "
                f"Run `mtlray data prepare {name}`, or `mtlray data import {name} FOLDER`."
            )
        source.read(root)
        folders = _prepared(source, root)
    marks = [f"{folder.name}: fingerprint {prepared.load(folder, check=True)[1]}" for folder in folders]
    return "\n".join([f"{name}: the source is intact", *marks])


def _prepared(source: Source, root: Path) -> list[Path]:
    """The folders of arrays that were made from a source."""
    folders = [path.parent for path in (root / "prepared").glob("*/meta.json")]
    return sorted(folder for folder in folders if source.name in words_of(folder.name))


def _imports(source: Importable, root: Path) -> list[Path]:
    """The folders of arrays that were imported."""
    return sorted(path.parent for path in (root / source.name).glob("*/meta.json"))
