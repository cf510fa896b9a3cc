"""Numbers in words, so that two that differ never look the same."""

from decimal import Decimal

_LONGEST = 300  # characters of a value in a message


def shortest(value: object) -> str:
    """A float by its shortest form that stands for no other."""
    if not isinstance(value, float):
        return str(value)
    value = float(value)  # numpy's say what they are
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def shown(found: object) -> str:
    """A value for a message: in one line and not too long, whatever was typed."""
    if isinstance(found, int) and found.bit_length() >= 256:
        return f"an integer of {found.bit_length()} bits"  # Python refuses to write thousands of digits
    text = str(found)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def neutral(text: object) -> object:
    """A text for a cell of a CSV file that no spreadsheet takes for a formula, whatever it begins with; numbers as they are.

    A quote before it makes it text, as OWASP advises against CSV injection.
    """
    return f"'{text}" if isinstance(text, str) and text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def per_cent(share: float) -> str:
    """A share in per cent, as `25` for 0.25, with all the digits that tell it from others."""
    return f"{(Decimal(repr(float(share))) * 100).normalize():f}"
