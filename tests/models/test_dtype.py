"""The numbers a trial computes in, and that torch's own default is put back."""

import pytest
import torch

from mtlray.models.dtype import default_dtype, dtype_of


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("float64", torch.float64), ("bf16", torch.float32)]
)
def test_what_is_kept_in_each_precision(precision, dtype):
    assert dtype_of(precision) == dtype


def failing():
    with default_dtype(torch.float64):
        raise ValueError(torch.zeros(1).dtype)


def test_the_default_is_put_back_even_after_an_error():
    before = torch.get_default_dtype()
    with pytest.raises(ValueError, match=r"torch\.float64"):
        failing()
    assert torch.get_default_dtype() == before
