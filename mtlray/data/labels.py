"""Which examples of a split have a label of which task, known on the host before anything is trained."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from mtlray.data.base import Column, Examples

Labelled = Bool[Tensor, "example task"]

_AT_ONCE = 2**26  # bytes of a column that are looked at together


def labelled(examples: Examples, tasks: Sequence[str]) -> Labelled | None:
    """Where the examples of a split have a label of each task, on the CPU; None where no label is missing.

    A class below 0 and NaN are none; an example with several numbers or pixels has a label where one of them has. Of columns of
    another kind none is missing.
    """
    if not len(examples):
        return None
    columns = [_there(examples.targets[task], examples.rows) for task in tasks]
    if all(column is None for column in columns):
        return None
    n = len(examples)
    return torch.stack([torch.ones(n, dtype=torch.bool) if c is None else c for c in columns], dim=1)


def _there(column: Column, rows: Tensor | None) -> Bool[Tensor, " example"] | None:
    """One task's column of `labelled`; None where no label is missing."""
    values = column.values
    may_lack = values.dtype.is_signed if column.kind == "label" else values.is_floating_point()
    if column.kind not in ("label", "number") or not may_lack:
        return None
    at_once = max(1, _AT_ONCE // max(1, values[:1].nbytes))
    pieces = []
    for start in range(0, len(values), at_once):
        piece = values[start : start + at_once].unsqueeze(-1).flatten(1)
        there = piece >= 0 if column.kind == "label" else ~piece.isnan()
        pieces.append(there.any(dim=1).cpu())
    whole = torch.cat(pieces) if pieces else torch.ones(0, dtype=torch.bool)
    found = whole if rows is None else whole[rows.cpu()]
    return None if bool(found.all()) else found
