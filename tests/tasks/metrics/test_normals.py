"""Angles between normals against loops in numpy, with images that have none and a last batch of one."""

import math

import numpy as np
import pytest
import torch

from mtlray.tasks.metrics import (
    AngleMean,
    AngleMeanLegacy,
    AngleMedian,
    AngleMedianLegacy,
    Within11,
    Within11Legacy,
    Within22,
    Within22Legacy,
    Within30,
    Within30Legacy,
)

GLOBAL = (AngleMean(), AngleMedian(), Within11(), Within22(), Within30())
LEGACY = (AngleMeanLegacy(), AngleMedianLegacy(), Within11Legacy(), Within22Legacy(), Within30Legacy())


def scene(without=(), n_images=5):
    rng = torch.Generator().manual_seed(2)
    target = torch.nn.functional.normalize(torch.randn(2, n_images, 3, 4, 5, generator=rng), dim=2)
    prediction = 3 * (target + 0.4 * torch.randn(target.shape, generator=rng))
    target[(torch.rand(2, n_images, 1, 4, 5, generator=rng) < 0.3).expand_as(target)] = 0
    target[:, list(without)] = 0
    return prediction, target


def slow(prediction, target):
    angles = []
    for p, t in zip(prediction.double().numpy(), target.double().numpy(), strict=True):
        for y, x in np.ndindex(p.shape[1:]):
            if t[:, y, x].any():
                cosine = p[:, y, x] @ t[:, y, x] / np.linalg.norm(p[:, y, x])
                angles.append(math.degrees(math.acos(max(-1, min(1, cosine)))))
    if not angles:
        return None
    within = [100 * np.mean(np.array(angles) < limit) for limit in (11.25, 22.5, 30)]
    return np.array([np.mean(angles), np.median(angles), *within])


@pytest.mark.parametrize("sizes", [[5], [2, 2, 1], [4, 1]], ids=str)
@pytest.mark.parametrize("without", [(), (1,), (4,), (0, 1)], ids=str)
def test_as_the_slow_reference(measure, without, sizes):
    prediction, target = scene(without)
    for seed in (0, 1):
        batches = [slow(prediction[seed, i : i + 2], target[seed, i : i + 2]) for i in (0, 2, 4)]
        expected = [slow(prediction[seed], target[seed]), np.mean([b for b in batches if b is not None], axis=0)]
        for metrics, values in zip((GLOBAL, LEGACY), expected, strict=True):
            found = [measure(metric, prediction, target, sizes)[seed] for metric in metrics]
            assert found == pytest.approx(values.tolist(), abs=1e-6, rel=1e-7)


def test_by_hand(measure):
    given = [(0, 0, 2), (0, 3, 3), (1, 0, 0), (0, 0, -1)]  # 0, 45, 90, 180 degrees from straight ahead
    prediction = torch.tensor(given, dtype=torch.float32).T.reshape(1, 1, 3, 2, 2)
    target = torch.tensor([0.0, 0.0, 1.0]).reshape(1, 1, 3, 1, 1).expand_as(prediction)
    assert measure(AngleMean(), prediction, target, [1]) == pytest.approx([315 / 4])
    assert measure(AngleMedian(), prediction, target, [1]) == pytest.approx([67.5])
    assert measure(Within22Legacy(), prediction, target, [1]) == pytest.approx([25])


def test_a_fourth_channel_of_the_target_is_not_read(measure):
    prediction, target = scene()
    longer = torch.cat([target, torch.zeros_like(target[:, :, :1])], dim=2)
    for metric in GLOBAL + LEGACY:
        assert measure(metric, prediction, longer, [5]) == measure(metric, prediction, target, [5])


def test_without_any_normal_there_is_nothing_to_measure(measure):
    prediction, target = scene(range(5))
    for metric in GLOBAL + LEGACY:
        assert all(map(math.isnan, measure(metric, prediction, target, [5])))
