"""Losses by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from mtlray.losses import cross_entropy, squared_error


def test_cross_entropy_by_hand():
    prediction = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    target = torch.tensor([[0, 1], [1, 1]])
    expected = [(math.log(2) + math.log(4)) / 2, math.log(2)]
    assert cross_entropy(prediction, target).tolist() == pytest.approx(expected)


def test_cross_entropy_is_torchs_for_each_seed():
    prediction, target = torch.randn(3, 5, 10, dtype=torch.float64), torch.randint(10, (3, 5))
    expected = torch.stack([F.cross_entropy(p, t) for p, t in zip(prediction, target, strict=True)])
    torch.testing.assert_close(cross_entropy(prediction, target), expected)


def test_cross_entropy_of_huge_logits_is_finite():
    assert cross_entropy(torch.tensor([[[1e30, 0.0]]]), torch.tensor([[0]])).item() == 0


def test_squared_error_by_hand():
    prediction = torch.tensor([[[1.0, 2.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
    target = torch.tensor([[[0.0, 0.0], [0.0, 3.0]], [[1.0, 1.0], [1.0, 0.0]]])
    assert squared_error(prediction, target).tolist() == [(1 + 4 + 9) / 4, 0.25]


def test_squared_error_of_images_is_torchs_for_each_seed():
    prediction, target = torch.rand(2, 3, 4, 5, dtype=torch.float64), torch.rand(2, 3, 4, 5, dtype=torch.float64)
    expected = torch.stack([F.mse_loss(p, t) for p, t in zip(prediction, target, strict=True)])
    torch.testing.assert_close(squared_error(prediction, target), expected)
