"""Checks of the parameters that a person sets, with the sentence that says which rule a value breaks."""

import numbers
import operator
from collections.abc import Sequence
from typing import Any

from mtlray.errors import SpecError


def require(holds: bool, name: str, rule: str, found: object) -> None:
    """Raise SpecError unless a parameter keeps its rule."""
    if not holds:
        raise SpecError(f"Parameter `{name}` should {rule}. Found `{name} = {found}`.")


def require_choice(name: str, found: object, choices: Sequence[str]) -> None:
    """Raise SpecError unless a parameter is one of a few words."""
    require(found in choices, name, "be one of " + ", ".join(f'"{choice}"' for choice in choices), found)


def integer(name: str, value: Any, rule: str = "be an integer") -> int:
    """The value of a parameter that counts something, from Python or numpy. Raises SpecError for others, 1.0 and True too."""
    require(not isinstance(value, bool) and hasattr(value, "__index__"), name, rule, repr(value))
    return operator.index(value)


def is_number(value: object) -> bool:
    """Whether a value is a real number; True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
