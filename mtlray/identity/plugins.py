"""Which installed packages offer strategies: those that declare entry points in the group `mtlray.strategies`."""

import functools
from importlib.metadata import EntryPoint, entry_points

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
    parts = module.split(".")

    def shared(entry: EntryPoint) -> int:
        """How many leading parts of the module's name the entry point's has too; packages may share the first."""
        theirs = entry.module.split(".")
        return next(
            (i for i, (a, b) in enumerate(zip(parts, theirs, strict=False)) if a != b), min(len(parts), len(theirs))
        )

    nearest = max(registered(), key=shared, default=None)
    return package(nearest) if nearest is not None and shared(nearest) > 0 else None
