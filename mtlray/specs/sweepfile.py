"""Loading a sweep: a Python file that defines SWEEP. Classes defined in it work on Ray workers too.

While it loads, it may import modules from its own folder. These travel to Ray workers on other machines, but their code is not
part of a trial's identity; what computes belongs into the sweep file, or into an installed package.
"""

import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import mtlray
from mtlray.errors import MtlrayError, SpecError, unknown_name
from mtlray.identity.codec import SWEEP_MODULE
from mtlray.specs import SweepSpec


def load_sweep(path: Path) -> tuple[SweepSpec, ModuleType]:
    """The sweep that a file defines, and the module it was loaded as. Raises SpecError, naming the line that failed."""
    if (path / "sweep.json").is_file():
        raise SpecError(
            f"A sweep should be a Python file that defines SWEEP. Found the results folder `{path}`. Name the sweep file that "
            "made it; `mtlray table`, `report` and `figures` take either."
        )
    if not path.is_file():
        folder = path if path.is_dir() else path.parent
        near = sorted(str(p) for p in folder.glob("*.py")) if folder.is_dir() else []
        listing = f" There are: {', '.join(near)}." if near else ""
        found = f"the folder `{path}`" if path.is_dir() else f"no file `{path}`"
        raise SpecError(f"A sweep should be a Python file that defines SWEEP. Found {found}.{listing}")
    if path.suffix != ".py":
        raise SpecError(f"A sweep should be a Python file that defines SWEEP. Found `{path}`.")
    location = str(path.resolve())
    # Two files of one name in different folders are two modules; a class's identity does not hold the module's name.
    name = f"{SWEEP_MODULE}{path.stem}_{hashlib.sha256(location.encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, location)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _LOADED[name] = _digest(path)
    sys.modules[name] = module  # dataclasses and inspect look their module up here
    try:
        with _siblings(Path(location)):
            spec.loader.exec_module(module)
    except MtlrayError as error:
        # The file is right Python and describes something wrong: the message says what.
        raise SpecError(f"{path}{_line(error, path)}: {error}") from error
    except ImportError as error:
        wanted = re.match(r"cannot import name '(\w+)'", str(error))
        if error.name == "mtlray" and wanted:
            unknown = unknown_name("name in mtlray", wanted[1], dir(mtlray))
            raise SpecError(f"{path}{_line(error, path)}: {unknown}") from error
        raise SpecError(f"{path}{_line(error, path)} should define SWEEP. Loading it failed: {error}.") from error
    except (Exception, SystemExit) as error:  # a file that calls sys.exit must not end a command with code 0
        raise SpecError(
            f"{path}{_line(error, path)} should define SWEEP. Loading it failed: {type(error).__name__}: {error}."
        ) from error
    sweep = getattr(module, "SWEEP", None)
    if not isinstance(sweep, SweepSpec):
        found = "no such name" if sweep is None else f"a {type(sweep).__name__}"
        raise SpecError(
            f"{path} should define `SWEEP = SweepSpec(...)`. Found {found}. sweeps/quickstart.py is an example."
        )
    return sweep, module


def refuse_edited(path: Path, module: ModuleType | None) -> None:
    """Raise SpecError where a sweep file is no longer what was loaded and planned."""
    if is_edited(path, module):
        raise SpecError(
            f"{path} was edited after it was planned. The plan no longer matches it. Run the same command again to "
            "plan and run the file as it is now."
        )


def is_edited(path: Path, module: ModuleType | None) -> bool:
    """Whether a sweep file is no longer what was loaded."""
    return module is not None and _LOADED.get(module.__name__) != _digest(path)


def _digest(path: Path) -> str:
    """Of a file's bytes; empty where it is gone."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def own_files(path: Path) -> tuple[Path, ...]:
    """A loaded sweep file and the modules beside it that it imported."""
    folder = path.resolve().parent
    siblings = sorted(Path(file) for file, beside in _FOLDERS.items() if beside == folder)
    return (path, *siblings)


@contextmanager
def _siblings(location: Path) -> Iterator[None]:
    """Modules of a file's folder can be imported, after all others; those of another sweep's folder are forgotten."""
    for path in location.parent.glob("*.py"):
        file = getattr(sys.modules.get(path.stem), "__file__", None)
        if file and Path(file).name == path.name and _FOLDERS.get(file, location.parent) != location.parent:
            del sys.modules[path.stem]
    before = set(sys.modules)
    sys.path.append(str(location.parent))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(location.parent))
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).parent == location.parent:
                _FOLDERS[file] = location.parent


# What each sweep file was when it was loaded, by its module's name.
_LOADED: dict[str, str] = {}

# The folder of each module that a sweep file imported from beside it.
_FOLDERS: dict[str, Path] = {}


def _line(error: BaseException, path: Path) -> str:
    """`:12`, the last line of the sweep file in the error's traceback."""
    location = str(path.resolve())
    if isinstance(error, SyntaxError) and error.filename == location and error.lineno:
        return f":{error.lineno}"
    line, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == location:
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line
