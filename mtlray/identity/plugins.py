"""Installed packages that offer strategies, models and data sets: by entry points, a group for each kind, loaded and checked."""

import functools
import inspect
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Generic, TypeVar, cast

from mtlray.errors import SpecError

GROUPS = ("mtlray.strategies", "mtlray.models", "mtlray.datasets")

_Part = TypeVar("_Part")


def registered(group: str | None = None) -> tuple[EntryPoint, ...]:
    """The entry points of a group, or of all groups, by name and package; nothing is loaded."""
    found = (entry for name in ((group,) if group else GROUPS) for entry in entry_points(group=name))
    return tuple(sorted(found, key=lambda entry: (entry.name, package(entry))))


def package(entry: EntryPoint) -> str:
    """The package that declares an entry point, with its version, as in `focal==1.2`."""
    return f"{entry.dist.name}=={entry.dist.version}" if entry.dist is not None else "an unnamed package"


@functools.cache
def package_of(module: str) -> str | None:
    """The package that a module belongs to, where that package offers something, with its version."""
    entry = _nearest(module)
    return package(entry) if entry is not None else None


@functools.cache
def is_installed(module: str) -> bool:
    """Whether a module of a package that offers something lies where that was installed to, not in a folder of work."""
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


@dataclass(frozen=True)
class Offered(Generic[_Part]):
    """What packages offer of one kind: classes that derive from `base`, each under its `key`, which no shipped class may have."""

    group: str
    noun: str
    base: type  # abstract, which `type[_Part]` would not take
    shipped: tuple[type[_Part], ...]

    def classes(self) -> dict[type[_Part], str]:
        """Each offered class, and the package that offers it with its version.

        Raises SpecError, naming the package, for an entry point that does not load, that is no such class, whose name is not the
        class's `key`, or whose name another class has.
        """
        taken = {_key(cls): "mtlray itself" for cls in self.shipped}
        found: dict[type[_Part], str] = {}
        for entry in registered(self.group):
            if entry.name in taken:
                raise SpecError(
                    f"A {self.noun}'s key should be unique. Found `{entry.name}` in {package(entry)} and in "
                    f"{taken[entry.name]}. Rename one of them, or uninstall one of the packages."
                )
            taken[entry.name] = package(entry)
            found[self._load(entry)] = package(entry)
        return found

    def with_defaults(self, key: str) -> _Part | None:
        """The offered class with that key at its defaults; None if no package offers one.

        Raises SpecError as `classes` does, and if a field has no default.
        """
        if not any(entry.name == key for entry in registered(self.group)):
            return None
        for cls, origin in self.classes().items():
            if _key(cls) == key:
                try:
                    return cls()
                except TypeError as error:
                    raise SpecError(
                        f"The {self.noun} `{key}` of {origin} needs settings: {error}. Put it into the sweep file with its "
                        "values."
                    ) from error
        raise AssertionError("an entry point's name is its class's key")

    def _load(self, entry: EntryPoint) -> type[_Part]:
        where = f"the entry point `{entry.name} = {entry.value}` in the group `{self.group}` of {package(entry)}"
        try:
            cls = entry.load()
        except Exception as error:
            raise SpecError(
                f"A {self.noun} that a package offers should load. Loading {where} failed: {type(error).__name__}: {error}. "
                "Fix or uninstall that package."
            ) from error
        if not (isinstance(cls, type) and issubclass(cls, self.base)) or inspect.isabstract(cls):
            raise SpecError(
                f"What a package offers as a {self.noun} should be a class that derives from {self.base.__name__} and "
                f"implements its methods. Found `{cls!r}` behind {where}. Fix or uninstall that package."
            )
        if _key(cls) != entry.name:
            raise SpecError(
                f"An entry point's name should be its {self.noun}'s `key`. Found the key `{_key(cls)}` behind {where}. Fix or "
                "uninstall that package."
            )
        return cast("type[_Part]", cls)


def _key(cls: type) -> str | None:
    return getattr(cls, "key", None)
