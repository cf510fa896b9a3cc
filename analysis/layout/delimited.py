"""CSV: a frame as text for other programs, a spreadsheet among them."""

import pandas as pd

from mtlray.words.values import neutral


def render(frame: pd.DataFrame) -> str:
    """One line a row, numbers unrounded. A name that a spreadsheet would take for a formula begins with a quote."""
    rows: str = frame.map(_cell).to_csv(index=False)
    return rows


def _cell(value: object) -> object:
    """pandas quotes a cell with a line feed, and not one with a carriage return, which would begin a row of its own."""
    return neutral(value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value)
