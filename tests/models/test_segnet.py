"""SegNet-split: its exact size, its shape, and its gradients alone and in a networks."""

import pytest
import torch

from mtlray.data import MultiMNIST, NYUv2
from mtlray.errors import SpecError
from mtlray.models import Computation, Networks, SegNet
from mtlray.models.segnet import unpooled
from mtlray.strategies import Uncertainty


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_the_parameters_of_mtans_network():
    tasks = NYUv2().tasks
    network = SegNet().build((3, 288, 384), tasks)
    assert count(network.trunk) == 24_943_296
    of_strategy = sum(p.numel() for p in Uncertainty().init(tasks, torch.tensor([0])).params.values())
    assert (
        count(network) + of_strategy == 25_055_188
    )  # mtan keeps the log variances of uncertainty weighting in its network
    assert count(SegNet().build((3, 288, 384), tasks[:1])) == 24_981_069
    tiny = SegNet("tiny").build((3, 288, 384), tasks)
    assert (count(tiny.trunk), count(tiny.heads)) == (132_828, 3 * 1_308 + 17 * 13)


@pytest.mark.parametrize("size", [(32, 32), (72, 96), (36, 50)], ids=str)
def test_heads_predict_each_pixel_whatever_the_size(size):
    network = SegNet("tiny").build((3, *size), NYUv2().tasks)
    assert [tuple(p.shape) for p in network(torch.rand(2, 3, *size))] == [(2, c, *size) for c in (13, 1, 3)]


def test_unpooling_is_torchs():
    values = torch.randn(2, 3, 9, 11)
    pooled, where = torch.nn.functional.max_pool2d(values, 2, return_indices=True)
    expected = torch.nn.functional.max_unpool2d(pooled, where, 2, output_size=(9, 11))
    assert torch.equal(unpooled(pooled, where, (9, 11)), expected)


def test_a_pack_computes_what_its_trials_compute_alone():
    tasks = NYUv2(downscale=8).tasks
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(2, 3, 3, 36, 48, generator=generator, dtype=torch.float64)
    targets = [
        torch.randint(-1, 13, (2, 3, 36, 48), generator=generator),
        torch.rand(2, 3, 1, 36, 48, generator=generator, dtype=torch.float64) + 1,
        torch.nn.functional.normalize(torch.randn(2, 3, 3, 36, 48, generator=generator, dtype=torch.float64), dim=2),
    ]

    computation = Computation(torch.device("cpu"))

    def run(seeds, part):
        networks = Networks(SegNet("tiny"), (3, 36, 48), tasks, seeds, computation, "float64")
        for step in range(2):
            values = networks.losses(inputs[part], [t[part] for t in targets], step).values
        evaluated = networks.predict(inputs[part])
        values.sum().backward()
        return values.detach(), networks.trunk_gradient_norm().reshape(-1), [p.detach() for p in evaluated]

    together = run((3, 4), slice(0, 2))
    for i, seed in enumerate((3, 4)):
        alone = run((seed,), slice(i, i + 1))
        torch.testing.assert_close(together[0][i : i + 1], alone[0])
        torch.testing.assert_close(together[1][i : i + 1], alone[1])
        for a, b in zip(together[2], alone[2], strict=True):
            torch.testing.assert_close(a[i : i + 1], b)


def test_what_it_cannot_take_is_refused(unchecked):
    with pytest.raises(SpecError, match=r"There is no SegNet preset `wide`"):
        SegNet("wide")
    with pytest.raises(SpecError, match=r"colour images of at least 3x32x32. The data set has 1x36x36"):
        SegNet().check((1, 36, 36), MultiMNIST().tasks)
    with pytest.raises(SpecError, match=r"Task `left` has outputs of 10"):
        SegNet().check((3, 36, 36), MultiMNIST().tasks)
