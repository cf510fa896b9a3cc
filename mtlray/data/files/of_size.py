"""Folders of imported pictures, one for each size: where they lie, and what is said where there is none."""

from pathlib import Path

from mtlray.data.files.record import is_here
from mtlray.errors import DataError


def folder_of_size(root: Path, key: str, size: int) -> Path:
    """Where the pictures of a data set of `size` x `size` pixels lie."""
    return root / key / f"{size}px"


def imported_of_size(root: Path, key: str, size: int, name: str) -> Path:
    """That folder. Raises DataError where nothing was imported to it; `name` is what the data set is called there."""
    folder = folder_of_size(root, key, size)
    if not is_here(folder):
        raise DataError(
            f"{name} with pictures of {size} pixels should have been imported to {folder}. Found nothing there. Run `mtlray data "
            f"import {key} PATH --size {size}`; `mtlray data list` says where to get it."
        )
    return folder
