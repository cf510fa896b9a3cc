"""The data set of docs/adding-a-dataset.md, as a sweep file to run and to edit."""

import re
from pathlib import Path

from places import ROOT

OWN_FOLDER = ("self.prepared_folder(root)", 'root / "prepared" / self.key')


def text(*edits: tuple[str, str]) -> str:
    """The page's block of Python, each pair of old and new replaced."""
    page = (ROOT / "docs" / "adding-a-dataset.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S) if "SWEEP = " in block)
    for old, new in edits:
        assert old in code, old
        code = code.replace(old, new)
    return code


def write(folder: Path, *edits: tuple[str, str]) -> Path:
    """The block as the sweep file points.py in a folder."""
    path = folder / "points.py"
    path.write_text(text(*edits), encoding="utf-8")
    return path
