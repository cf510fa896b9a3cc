"""Medians over a whole split, exact: every value is kept, four bytes each."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtlray.axes import Values

# The bits of a non-negative float32 are in the order of the numbers; a bin holds those that agree in all but the last 12.
_BIN = 12
_N_BINS = 2**31 >> _BIN


@dataclass(frozen=True, slots=True)
class KeptValues:
    """Non-negative numbers of each seed in float32, in the pieces in which they came."""

    pieces: tuple[list[Tensor], ...] = field(repr=False)

    @classmethod
    def of(cls, n_seeds: int) -> "KeptValues":
        return cls(tuple([] for _ in range(n_seeds)))

    def add(self, values: list[Tensor]) -> None:
        """One vector a seed."""
        for pieces, piece in zip(self.pieces, values, strict=True):
            pieces.append(piece.float())

    def medians(self) -> Values:
        """The middle value, or the mean of the middle two; NaN of nothing."""
        return torch.stack([_median(pieces) for pieces in self.pieces])


def median(values: Tensor) -> Tensor:
    """The same of one vector, in float64."""
    ordered = values.double().sort().values
    n = len(ordered)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2 if n else ordered.new_tensor(torch.nan)


def _median(pieces: list[Tensor]) -> Tensor:
    n = sum(map(len, pieces))
    if n == 0:
        return torch.tensor(torch.nan, dtype=torch.float64)
    # Sorting everything would need several times the memory of the values; a count of the bins finds the bin to sort.
    counts = torch.zeros(_N_BINS, dtype=torch.int64, device=pieces[0].device)
    for piece in pieces:
        counts += torch.bincount(_bins(piece), minlength=_N_BINS)
    up_to = counts.cumsum(0)
    return (_ranked(pieces, up_to, (n - 1) // 2) + _ranked(pieces, up_to, n // 2)).cpu() / 2


def _ranked(pieces: list[Tensor], up_to: Tensor, rank: int) -> Tensor:
    """The value of a rank, counted from 0, from the bin that holds it."""
    index = int(torch.searchsorted(up_to, rank, right=True))
    before = int(up_to[index - 1]) if index else 0
    within = torch.cat([piece[_bins(piece) == index] for piece in pieces])
    return within.sort().values[rank - before].double()


def _bins(values: Tensor) -> Tensor:
    return values.abs().view(torch.int32) >> _BIN  # abs: -0.0 has the sign bit
