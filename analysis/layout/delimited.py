"""CSV: a frame as text for other programs, a spreadsheet among them."""

import pandas as pd

from mtlray.words.values import neutral


def render(frame: pd.DataFrame) -> str:
    """One line a row, numbers unrounded. A name that a spreadsheet would take for a formula begins with a quote."""
    rows: str = frame.map(neutral).to_csv(index=False)
    return rows
