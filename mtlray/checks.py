"""Checks of the parameters that a person sets, with the sentence that says which rule a value breaks."""

import numbers
import operator
from collections.abc import Sequence
from typing import Any

from mtlray.errors import SpecError

LARGEST = 2**63 - 1  # what a column of Parquet and a generator of torch hold


_LONGEST = 200  # characters of a value in a message


def require(holds: bool, name: str, rule: str, found: object) -> None:
    """Raise SpecError unless a parameter keeps its rule."""
    if not holds:
        raise SpecError(f"Parameter `{name}` should {rule}. Found `{name} = {shown(found)}`.")


def shown(found: object) -> str:
    """A value for a message: in one line and not too long, whatever was typed."""
    if isinstance(found, int) and found.bit_length() >= 256:
        return f"an integer of {found.bit_length()} bits"  # Python refuses to write thousands of digits
    text = str(found)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


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


def is_number(value: object) -> bool:
    """Whether a value is a real number; True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
