"""Numbers in words, so that two that differ never look the same."""

from decimal import Decimal


def shortest(value: object) -> str:
    """A float by its shortest form that stands for no other."""
    if not isinstance(value, float):
        return str(value)
    value = float(value)  # numpy's say what they are
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def per_cent(share: float) -> str:
    """A share in per cent, as `25` for 0.25, with all the digits that tell it from others."""
    return f"{(Decimal(repr(float(share))) * 100).normalize():f}"
