"""Checks of the parameters that a person sets, with the sentence that says which rule a value breaks."""

import math
import numbers
import operator
from collections.abc import Sequence
from typing import Any

from mtlray.errors import SpecError
from mtlray.words.values import shown

_MOST_SECONDS = 1_000_000_000  # 31 years; timers of the system take no more than some hundred
_MOST = 1_000_000
LARGEST = 2**63 - 1  # what a column of Parquet and a generator of torch hold


def require(holds: bool, name: str, rule: str, found: object) -> None:
    """Raise SpecError unless a parameter keeps its rule."""
    if not holds:
        raise SpecError(f"Parameter `{name}` should {rule}. Found `{name} = {shown(found)}`.")


def require_choice(name: str, found: object, choices: Sequence[str]) -> None:
    """Raise SpecError unless a parameter is one of a few words."""
    require(found in choices, name, "be one of " + ", ".join(f'"{choice}"' for choice in choices), found)


def integer(name: str, value: Any, rule: str = "be an integer") -> int:
    """The value of a parameter that counts something, from Python or numpy. Raises SpecError for others,
    1.0 and True too, and for one of more than 64 bits.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        require(False, name, rule, repr(value))
    found = operator.index(value)
    require(-LARGEST - 1 <= found <= LARGEST, name, "lie in [-2**63, 2**63 - 1], because results hold 64 bits", found)
    return found


def require_seconds(name: str, value: float) -> None:
    """Raise SpecError unless a parameter is a length of time that the system's clocks can count."""
    require(value >= 0, name, "be at least 0", value)
    require(value <= _MOST_SECONDS, name, f"be at most {_MOST_SECONDS:,}", value)


def require_count(name: str, value: int, least: int = 1) -> None:
    """Raise SpecError unless a parameter counts machines, processes or the like."""
    require(value >= least, name, f"be at least {least}", value)
    require(value <= _MOST, name, f"be at most {_MOST:,}", value)


def is_finite(value: Any) -> bool:
    """Whether a number is one that floating point holds: not nan, not infinite, and no integer of hundreds of digits."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def is_number(value: object) -> bool:
    """Whether a value is a real number; True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
