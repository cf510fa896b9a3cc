"""VGG on faces: its size, its outputs, and what it refuses."""

import pytest
import torch

from mtlray.data import NYUv2, UTKFace
from mtlray.errors import SpecError
from mtlray.models import VGG

FACES = UTKFace(image_size=64, n_images=(2, 2))


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameters():
    network = VGG().build((3, 224, 224), FACES.tasks)
    assert count(network.trunk) == 14_714_688
    assert [count(head) for head in network.heads.values()] == [2 * 2_359_808 + 513 * n for n in (101, 2)]
    assert count(VGG("small").build((3, 64, 64), FACES.tasks).trunk) == 60_864


def test_outputs():
    network = VGG("small").build((3, 64, 64), FACES.tasks)
    assert [tuple(p.shape) for p in network(torch.rand(5, 3, 64, 64))] == [(5, 101), (5, 2)]


def test_what_it_cannot_take_is_refused(unchecked):
    with pytest.raises(SpecError, match=r"There is no VGG preset `19`"):
        VGG("19")
    with pytest.raises(SpecError, match=r"at least 3x32x32. The data set has 1x36x36"):
        VGG().check((1, 36, 36), FACES.tasks)
    with pytest.raises(SpecError, match=r"Task `segmentation` has outputs of 13x288x384"):
        VGG().check((3, 288, 384), NYUv2().tasks)
