"""Losses by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from mtlray.tasks.losses import (
    age_error,
    cross_entropy,
    depth_error,
    normal_error,
    pixel_cross_entropy,
    squared_error,
)


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


def test_pixel_cross_entropy_leaves_out_unlabelled_pixels():
    prediction, target = torch.randn(2, 3, 13, 4, 5, dtype=torch.float64), torch.randint(-1, 13, (2, 3, 4, 5))
    expected = torch.stack([F.cross_entropy(p, t, ignore_index=-1) for p, t in zip(prediction, target, strict=True)])
    torch.testing.assert_close(pixel_cross_entropy(prediction, target), expected)


def test_depth_error_by_hand():
    prediction = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 2, 1, 1, 2)
    target = torch.tensor([2.0, 0.0, 3.0, 1.0]).view(1, 2, 1, 1, 2)
    assert depth_error(prediction, target).tolist() == pytest.approx([4 / 3])


def test_normal_error_by_hand_under_both_masks():
    # Two pixels with a normal, at 0 and 90 degrees; one that has a depth and no normal.
    prediction = torch.tensor([[0.0, 0.0, 2.0], [5.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).T.reshape(1, 1, 3, 1, 3)
    target = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]).T.reshape(1, 1, 3, 1, 3)
    assert normal_error(prediction, target).tolist() == pytest.approx([1 / 2])
    has_depth = torch.tensor([1.0, 0.0, 1.0]).reshape(1, 1, 1, 1, 3)
    assert normal_error(prediction, torch.cat([target, has_depth], dim=2)).tolist() == pytest.approx([(0 + 1) / 2])


def test_age_error_by_hand():
    assert age_error(torch.tensor([[[30.0], [20.5]]]), torch.tensor([[25, 21]])).tolist() == [2.75]


@pytest.mark.parametrize(
    ("loss", "prediction", "target"),
    [
        (pixel_cross_entropy, (1, 2, 13, 3, 3), torch.full((1, 2, 3, 3), -1)),
        (depth_error, (1, 2, 1, 3, 3), torch.zeros(1, 2, 1, 3, 3)),
        (normal_error, (1, 2, 3, 3, 3), torch.zeros(1, 2, 3, 3, 3)),
        (normal_error, (1, 2, 3, 3, 3), torch.zeros(1, 2, 4, 3, 3)),
    ],
)
def test_a_batch_without_a_valid_pixel_has_no_loss_and_no_gradient(loss, prediction, target):
    outputs = torch.randn(prediction, requires_grad=True)
    value = loss(outputs, target)
    assert value.tolist() == [0]
    value.sum().backward()
    assert not outputs.grad.any()


def test_a_prediction_of_zero_has_a_finite_gradient():
    outputs = torch.zeros(1, 1, 3, 2, 2, requires_grad=True)
    normal_error(outputs, torch.ones(1, 1, 3, 2, 2) / math.sqrt(3)).sum().backward()
    assert outputs.grad.isfinite().all()
