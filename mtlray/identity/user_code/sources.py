"""The user's own modules: which they are, their bytes, read once, and imports that compile exactly these bytes."""

import contextlib
import importlib
import itertools
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PYTHON = ".py"
# Modules loaded from a sweep file carry this prefix; see mtlray.specs.sweepfile.
SWEEP_MODULE = "mtlray_sweep_"


@dataclass(frozen=True, slots=True)
class Source:
    """A module of the user's own: its name, its file, and that file's bytes; none for a package without `__init__.py`."""

    module: str
    path: str
    data: bytes
    is_package: bool


class ExactLoader(SourceFileLoader):
    """Compiles a module from bytes that were read once, the same that its digest is made of; no `__pycache__` is read or written.

    Python itself takes a compiled file for fresh where the source has the same size and time, which an edit can have too.
    """

    def __init__(self, name: str, path: str, data: bytes | None = None) -> None:
        super().__init__(name, path)
        self.data = Path(path).read_bytes() if data is None else data

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.data, self.get_filename(fullname))
        return code

    def get_data(self, path: str) -> bytes:
        return self.data if path == self.path else super().get_data(path)

    def source(self, is_package: bool) -> Source:
        return Source(self.name, self.path, self.data, is_package)


class _Finder:
    """Finds modules as Python would, then in the sweep file's folder, and hands the user's own to `ExactLoader`."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.shipped: dict[str, Source] = {}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec: ModuleSpec | None
        source = self.shipped.get(name) or _READ.get(name)
        if source is not None and source.path.endswith(PYTHON):
            return _spec(source)
        spec = self.located(name, path, target)
        if spec is not None and _is_own_source(spec):
            assert spec.origin is not None
            spec.loader = ExactLoader(name, spec.origin)
        return spec

    def located(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """What all other finders say, in their order; a name that none of them knows may lie beside the sweep file."""
        for finder in [finder for finder in sys.meta_path if finder is not self]:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                return spec
        return PathFinder.find_spec(name, [self.folder]) if path is None and self.folder else None


_FINDER = _Finder()
# The user's modules by name, as they were when they were first looked at.
_READ: dict[str, Source] = {}
# The modules that each sweep file's loading imported.
_LOADED: dict[str, set[str]] = {}
_LOADINGS = itertools.count(1)
_LAST = [0]


def install(sources: Iterable[Source] = (), folder: str | None = None) -> None:
    """From now on, import the user's own modules from the bytes given, else from their files, read once.

    `folder` is searched after all other places.
    """
    _FINDER.folder = folder or _FINDER.folder
    _FINDER.shipped |= {source.module: source for source in sources}
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


@contextlib.contextmanager
def loading(sweep_module: str, folder: str) -> Iterator[None]:
    """While a sweep file loads: what an earlier one imported of the user's own is forgotten; what this one imports is noted."""
    for name in set(_READ).union(*_LOADED.values()):
        ours = isinstance(getattr(sys.modules.get(name), "__loader__", None), ExactLoader)
        if ours and not name.startswith(SWEEP_MODULE):
            del sys.modules[name]
    _LOADED.clear()
    _READ.clear()
    _LAST[0] = next(_LOADINGS)
    _FINDER.shipped.clear()
    install(folder=folder)
    importlib.invalidate_caches()
    before = set(sys.modules)
    try:
        yield
    finally:
        _LOADED[sweep_module] = {name for name in set(sys.modules) - before if own_source(name) is not None}


def loaded_with(module: str) -> frozenset[str]:
    """The sweep file's module and all of the user's own that its loading imported, where `module` is among these."""
    for sweep_module, names in _LOADED.items():
        if module == sweep_module or module in names:
            return frozenset(names | {sweep_module})
    return frozenset()


def last_loading() -> int:
    """A number that is another after each sweep file that was loaded."""
    return _LAST[0]


def own_sources() -> list[Source]:
    """Every module of the user's own that was looked at since the last sweep file was loaded, imported or not."""
    for name in _LOADED:
        own_source(name)
    return list(_READ.values())


def own_source(name: str) -> Source | None:
    """The module of that name if it is the user's own: not of the standard library, mtlray or a package that is installed.

    Nothing is imported for it.
    """
    if name in _READ:
        return _READ[name]
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    if module is not None and spec is None:  # a script that was started as `python FILE`
        path = getattr(module, "__file__", None)
        found = Source(name, path, _bytes(path), False) if path and is_own(path) else None
    else:
        spec = spec or _located(name)
        found = _source(name, spec) if spec is not None else None
    if found is not None:
        _READ[name] = found
    return found


def is_own(path: str) -> bool:
    """Whether a file is the user's own, and not Python's, mtlray's or an installed package's."""
    for form in _forms(path):
        if {"site-packages", "dist-packages"} & set(Path(form).parts):
            return False
        if any(form == root or form.startswith(root + os.sep) for root in _installed()):
            return False
    return True


def _forms(path: str) -> tuple[str, str]:
    """A path as it is named and as it is with links followed; either may lead into an installed package."""
    return os.path.normpath(Path(path).absolute()), str(Path(path).resolve())


@cache
def _installed() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib", "scripts") if key in paths]
    ours = Path(__file__).parents[2]
    roots += [*site.getsitepackages(), site.getusersitepackages(), str(ours), str((ours / "analysis").resolve())]
    return tuple({form for root in roots for form in _forms(root)})


def _located(name: str) -> ModuleSpec | None:
    """Where a module would be imported from."""
    parent, _, _ = name.rpartition(".")
    path = None
    if parent:
        above = sys.modules.get(parent)
        path = list(vars(above).get("__path__", ())) if above is not None else []  # a module may have a `__getattr__`
        if above is None:
            found = _located(parent)
            path = list(found.submodule_search_locations or ()) if found is not None else []
        if not path or not any(map(is_own, path)):
            return None
    try:
        return _FINDER.located(name, path)
    except (ImportError, ValueError, AttributeError):  # a finder that cannot say
        return None


def _source(name: str, spec: ModuleSpec) -> Source | None:
    is_package = spec.submodule_search_locations is not None
    if isinstance(spec.loader, ExactLoader):
        return spec.loader.source(is_package)
    if spec.origin is None or not spec.has_location:
        folders = list(spec.submodule_search_locations or ())
        return Source(name, folders[0], b"", True) if folders and is_own(folders[0]) else None
    return Source(name, spec.origin, _bytes(spec.origin), is_package) if is_own(spec.origin) else None


def _is_own_source(spec: ModuleSpec) -> bool:
    return type(spec.loader) is SourceFileLoader and spec.origin is not None and is_own(spec.origin)


def _spec(source: Source) -> ModuleSpec | None:
    folders = [str(Path(source.path).parent)] if source.is_package else None
    loader = ExactLoader(source.module, source.path, source.data)
    return spec_from_file_location(source.module, source.path, loader=loader, submodule_search_locations=folders)


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
