"""Strategies that installed packages offer, loaded and checked."""

import inspect
from importlib.metadata import EntryPoint

from mtlray.errors import SpecError
from mtlray.identity.plugins import GROUP, package, registered
from mtlray.strategies import STRATEGIES, AbstractStrategy


def installed_strategies() -> dict[type[AbstractStrategy], str]:
    """Each offered strategy's class, and the package that offers it with its version.

    Raises SpecError, naming the package, for an entry point that does not load, that is not a strategy's class, whose name is not
    the strategy's `key`, or whose name another strategy has.
    """
    taken = {cls.key: "mtlray itself" for cls in STRATEGIES}
    found: dict[type[AbstractStrategy], str] = {}
    for entry in registered():
        if entry.name in taken:
            raise SpecError(
                f"A strategy's key should be unique. Found `{entry.name}` in {package(entry)} and in {taken[entry.name]}. "
                "Rename one of them, or uninstall one of the packages."
            )
        taken[entry.name] = package(entry)
        found[_load(entry)] = package(entry)
    return found


def installed_strategy(key: str) -> AbstractStrategy | None:
    """The offered strategy with that key and its default hyperparameters; None if no package offers one.

    Raises SpecError as `installed_strategies` does, and if a hyperparameter has no default.
    """
    if not any(entry.name == key for entry in registered()):
        return None
    for cls, origin in installed_strategies().items():
        if cls.key == key:
            try:
                return cls()
            except TypeError as error:
                raise SpecError(
                    f"Strategy `{key}` of {origin} needs hyperparameters: {error}. Put it into the sweep file with its values."
                ) from error
    raise AssertionError("an entry point's name is its strategy's key")


def _load(entry: EntryPoint) -> type[AbstractStrategy]:
    where = f"the entry point `{entry.name} = {entry.value}` in the group `{GROUP}` of {package(entry)}"
    try:
        cls = entry.load()
    except Exception as error:
        raise SpecError(
            f"A strategy that a package offers should load. Loading {where} failed: {type(error).__name__}: {error}. "
            "Fix or uninstall that package."
        ) from error
    if not (isinstance(cls, type) and issubclass(cls, AbstractStrategy)) or inspect.isabstract(cls):
        raise SpecError(
            f"What a package offers as a strategy should be a class that derives from AbstractStrategy and implements its "
            f"methods. Found `{cls!r}` behind {where}. Fix or uninstall that package."
        )
    key = getattr(cls, "key", None)
    if key != entry.name:
        raise SpecError(
            f"An entry point's name should be its strategy's `key`. Found the key `{key}` behind {where}. Fix or uninstall "
            "that package."
        )
    return cls
