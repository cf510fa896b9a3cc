"""Depth errors against loops, with images that have no depth and a last batch of one."""

import math

import numpy as np
import pytest
import torch

from mtlray.tasks.metrics import DepthError, DepthErrorLegacy, RelativeDepthError, RelativeDepthErrorLegacy


def scene(without=(), n_images=5):
    rng = torch.Generator().manual_seed(1)
    prediction = torch.randn(2, n_images, 1, 3, 4, generator=rng)
    target = torch.rand(2, n_images, 1, 3, 4, generator=rng) * 9 + 0.5
    target[torch.rand(target.shape, generator=rng) < 0.3] = 0
    target[:, list(without)] = 0
    return prediction, target


def slow(prediction, target):
    """Mean absolute and relative error over the pixels with a depth."""
    errors, relative = [], []
    for p, t in zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True):
        if t != 0:
            errors.append(abs(p - t))
            relative.append(abs(p - t) / t)
    return (np.mean(errors), np.mean(relative)) if errors else None


@pytest.mark.parametrize("sizes", [[5], [2, 2, 1], [4, 1]], ids=str)
@pytest.mark.parametrize("without", [(), (1,), (4,), (0, 1)], ids=str)
def test_as_the_slow_reference(measure, without, sizes):
    prediction, target = scene(without)
    for seed_prediction, seed_target, seed in zip(prediction, target, (0, 1), strict=True):
        whole = slow(seed_prediction, seed_target)
        batches = [slow(seed_prediction[i : i + 2], seed_target[i : i + 2]) for i in (0, 2, 4)]
        legacy = np.mean([b for b in batches if b], axis=0)
        for metrics, expected in (
            ((DepthError(), RelativeDepthError()), whole),
            ((DepthErrorLegacy(), RelativeDepthErrorLegacy()), legacy),
        ):
            found = [measure(metric, prediction, target, sizes)[seed] for metric in metrics]
            assert found == pytest.approx(expected, abs=1e-6)


def test_by_hand(measure):
    prediction = torch.tensor([[[[[1.0, 5.0]]], [[[2.0, 0.0]]], [[[3.0, 0.0]]]]])
    target = torch.tensor([[[[[2.0, 4.0]]], [[[0.0, 4.0]]], [[[0.0, 2.0]]]]])
    assert measure(DepthError(), prediction, target, [3]) == pytest.approx([(1 + 1 + 4 + 2) / 4])
    assert measure(RelativeDepthError(), prediction, target, [3]) == pytest.approx([(0.5 + 0.25 + 1 + 1) / 4])
    assert measure(DepthErrorLegacy(), prediction, target, [3]) == pytest.approx([(6 / 3 + 2) / 2])


def test_without_any_depth_there_is_nothing_to_measure(measure):
    prediction, target = scene(range(5))
    for metric in (DepthError(), RelativeDepthError(), DepthErrorLegacy(), RelativeDepthErrorLegacy()):
        assert all(map(math.isnan, measure(metric, prediction, target, [5])))
