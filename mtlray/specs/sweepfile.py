"""Loading a sweep: a Python file that defines SWEEP. Classes defined in it work on Ray workers too.

While it loads, and later, it may import modules and packages from its own folder. The file and all modules of the user's own are
compiled from the bytes that their digests are made of, here and in Ray's workers.
"""

import hashlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import mtlray
from mtlray.errors import MtlrayError, SpecError, unknown_name
from mtlray.identity.codec import encode
from mtlray.identity.user_code.patches import patch_in
from mtlray.identity.user_code.sources import SWEEP_MODULE, ExactLoader, loaded_with, loading
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
    loader = ExactLoader(name, location)
    spec = importlib.util.spec_from_file_location(name, location, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    _LOADED[name] = hashlib.sha256(loader.data).hexdigest()
    sys.modules[name] = module  # dataclasses and inspect look their module up here
    try:
        with loading(name, str(Path(location).parent)):
            loader.exec_module(module)
    except MtlrayError as error:
        # The file is right Python and describes something wrong: the message says what.
        raise SpecError(f"{path}{_line(error, path)}: {error}") from error
    except ImportError as error:
        wanted = re.match(r"cannot import name '(\w+)'", str(error))
        if error.name == "mtlray" and wanted:
            unknown = unknown_name("name in mtlray", wanted[1], dir(mtlray))
            raise SpecError(f"{path}{_line(error, path)}: {unknown}") from error
        raise SpecError(f"{path}{_line(error, path)} should define SWEEP. Loading it failed: {error}.") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise SpecError(
            f"{path}{_line(error, path)} should define SWEEP. Loading it failed: {type(error).__name__}: {error}."
        ) from error
    sweep = getattr(module, "SWEEP", None)
    if not isinstance(sweep, SweepSpec):
        found = "no such name" if sweep is None else f"a {type(sweep).__name__}"
        raise SpecError(
            f"{path} should define `SWEEP = SweepSpec(...)`. Found {found}. sweeps/quickstart.py is an example."
        )
    for own in sorted(loaded_with(name)):
        if (patch := patch_in(own)) is not None:
            file, line, text = patch
            raise SpecError(
                f"{file}:{line} should leave mtlray, torch and numpy as they are, because trials of mtlray's own classes "
                f"could not be told from those without the change. Found `{text}`. Put what it does into a class or "
                "function of your own."
            )
    # Now, because another sweep file's loading may bring other modules by the same names.
    for spec_ in (sweep.base, *sweep.strategies, *sweep.datasets, *sweep.optimizers, *sweep.axes.values()):
        encode(spec_)
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


def own_files(path: Path, module: ModuleType) -> tuple[Path, ...]:
    """A loaded sweep file and the modules beside it that it imported."""
    folder = path.resolve().parent
    files = (Path(file) for name in loaded_with(module.__name__) if (file := sys.modules[name].__file__))
    return (path, *sorted(file for file in files if file.parent == folder and file != path.resolve()))


# What each sweep file was when it was loaded, by its module's name.
_LOADED: dict[str, str] = {}


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
