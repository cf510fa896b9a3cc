"""Which installed packages offer strategies: those that declare entry points in the group `mtlray.strategies`."""

import functools
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

GROUP = "mtlray.strategies"


def registered() -> tuple[EntryPoint, ...]:
    """The entry points of the group, by name and package; nothing is loaded."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, package(entry))))


def package(entry: EntryPoint) -> str:
    """The package that declares an entry point, with its version, as in `focal==1.2`."""
    return f"{entry.dist.name}=={entry.dist.version}" if entry.dist is not None else "an unnamed package"


@functools.cache
def package_of(module: str) -> str | None:
    """The package that a module belongs to, where that package offers strategies, with its version."""
    entry = _nearest(module)
    return package(entry) if entry is not None else None


@functools.cache
def is_installed(module: str) -> bool:
    """Whether a module of a package that offers strategies lies where that was installed to, not in a folder of work."""
    entry, file = _nearest(module), getattr(sys.modules.get(module), "__file__", None)
    if entry is None or entry.dist is None or file is None:
        return False
    return Path(file).resolve().is_relative_to(Path(str(entry.dist.locate_file(""))).resolve())


def _nearest(module: str) -> EntryPoint | None:
    """The entry point whose module shares the most leading parts of its name with this one."""
    parts = module.split(".")

    def shared(entry: EntryPoint) -> int:
        theirs = entry.module.split(".")  # packages may share the first
        return next(
            (i for i, (a, b) in enumerate(zip(parts, theirs, strict=False)) if a != b), min(len(parts), len(theirs))
        )

    nearest = max(registered(), key=shared, default=None)
    return nearest if nearest is not None and shared(nearest) > 0 else None
