"""Scaling, cropping and flipping, tracked by images whose values are their coordinates."""

import torch

from mtlray.data.nyuv2.augmentation import SCALES, flipped_and_scaled
from mtlray.randomness import generator

H, W = 24, 36


def batch(n=40):
    y, x = torch.meshgrid(torch.arange(H).double(), torch.arange(W).double(), indexing="ij")
    inputs = torch.stack([x, y, x]).expand(1, n, 3, H, W).clone()
    normals = torch.tensor([0.6, 0.0, -0.8]).double().view(3, 1, 1).expand(1, n, 3, H, W)
    targets = {
        "segmentation": (y * W + x).long().expand(1, n, H, W).clone(),
        "depth": torch.full((1, n, 1, H, W), 3.0).double(),
        "normals": torch.cat([normals, torch.ones(1, n, 1, H, W).double()], dim=2),
    }
    return inputs, targets


def test_inputs_and_targets_move_together():
    inputs, targets = batch()
    images, changed = flipped_and_scaled(inputs, targets, [generator(0, "augment", 0)])
    where = changed["segmentation"]
    assert (images[:, :, 0] - where % W).abs().max() <= 1.5
    assert (images[:, :, 1] - where // W).abs().max() <= 1.5


def test_depth_is_divided_by_the_scale_and_x_of_normals_follows_the_flip():
    inputs, targets = batch()
    images, changed = flipped_and_scaled(inputs, targets, [generator(0, "augment", 0)])
    scales, flips = set(), set()
    for i in range(images.shape[1]):
        row = images[0, i, 0, 0]
        flipped = bool(row[0] > row[-1])
        scale = 3.0 / changed["depth"][0, i].unique().item()
        width = (row[0] - row[-1]).abs().item() + 1
        assert min(abs(scale - s) for s in SCALES) < 1e-9
        assert width == int(W / scale)
        expected = [-0.6 if flipped else 0.6, 0, -0.8, 1]
        assert torch.allclose(changed["normals"][0, i, :, 0, 0], torch.tensor(expected).double())
        scales.add(round(scale, 1))
        flips.add(flipped)
    assert scales == set(SCALES)
    assert flips == {True, False}


def test_a_batch_is_a_function_of_its_generator_and_the_given_one_stays():
    inputs, targets = batch(4)
    before = inputs.clone(), {name: t.clone() for name, t in targets.items()}
    one, two = (flipped_and_scaled(inputs, targets, [generator(3, "augment", 5)]) for _ in range(2))
    assert torch.equal(one[0], two[0])
    assert all(torch.equal(one[1][name], two[1][name]) for name in targets)
    assert torch.equal(inputs, before[0])
    assert all(torch.equal(targets[name], before[1][name]) for name in targets)
