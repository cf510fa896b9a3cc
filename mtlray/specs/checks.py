"""Checks of what a person writes in a sweep file, where a slip would otherwise end in a traceback or in wrong numbers."""

from typing import Any

from mtlray.errors import SpecError
from mtlray.strategies import STRATEGIES, AbstractStrategy


def require_object(name: str, value: object, kind: type[Any], example: str) -> None:
    """Raise SpecError unless a parameter is an instance of a class."""
    if isinstance(value, kind):
        return
    found = f"`{name} = {value!r}`"
    if isinstance(value, type):
        found = f"the class `{value.__name__}`: write `{value.__name__}()`"
    elif isinstance(value, str):
        found += "".join(f": write `{cls.__name__}()`" for cls in STRATEGIES if cls.key == value)
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    raise SpecError(f"Parameter `{name}` should be {article} {kind.__name__}, such as `{example}`. Found {found}.")


def require_strategy(name: str, value: object) -> None:
    """Raise SpecError unless a parameter is a strategy with a name."""
    require_object(name, value, AbstractStrategy, "Equal()")
    key = getattr(value, "key", None)
    if not isinstance(key, str) or not key:
        raise SpecError(
            f"The strategy `{type(value).__name__}` should have a name for tables. Found `key = {key!r}`. Add "
            '`key: ClassVar[str] = "..."` to the class.'
        )
