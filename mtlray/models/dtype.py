"""The floating-point precision in which a trial computes."""

import contextlib
from collections.abc import Iterator
from typing import Literal

import torch

Precision = Literal["float32", "float64", "bf16"]
"""As `TrialSpec.precision`; "bf16" is automatic mixed precision, in which all that is kept is float32."""


def dtype_of(precision: Precision) -> torch.dtype:
    """The dtype of parameters, predictions, losses and updates."""
    return torch.float64 if precision == "float64" else torch.float32


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """torch's default for new tensors within a block, whatever it is outside."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
